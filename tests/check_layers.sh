#!/bin/sh
# Folders are layers: who may include whose headers, and which third-party header lives where.
set -u
bad=0

rule() { # rule FOLDER ALLOWED: folders whose headers it may include
    found=$(find "$1" -name '*.[ch]' -exec grep -nHE '^#include "' {} + |
        grep -vE "#include \"($2)/[a-z0-9_]+\.h\"")
    [ -z "$found" ] || { printf '%s may only include (%s):\n%s\n' "$1" "$2" "$found"; bad=1; }
}

home() { # home HEADER FOLDER: the one folder that may include a third-party header
    found=$(find gateway collectors alerts config -name '*.[ch]' -exec grep -nHE "^#include <($1)>" {} + |
        grep -vE "^$2/[a-z0-9_]+\.[ch]:")
    [ -z "$found" ] || { printf '<%s> belongs to %s:\n%s\n' "$1" "$2" "$found"; bad=1; }
}

rule gateway/base 'gateway/base'
rule collectors 'gateway/base|collectors'
rule alerts 'gateway/base|alerts'
rule config 'gateway/base|collectors|alerts|config'
rule gateway 'gateway/base|collectors|alerts|config|gateway|gateway/console'

home 'ev\.h|jansson\.h|uthash\.h|openssl/.*|seccomp\.h' gateway/base
home 'modbus\.h|modbus/.*|net-snmp/.*' collectors
home 'MQTTAsync\.h|sqlite3\.h|zstd\.h' alerts
home 'libfyaml\.h' config
home 'rrd\.h|microhttpd\.h|systemd/.*' gateway
home 'curses\.h|ncurses.*' gateway/console

externs=$(find gateway collectors alerts config -name '*.h' -exec grep -nHE '^extern ' {} + |
    grep -vE 'extern [a-z_ ]*const ')
[ -z "$externs" ] || { printf 'no extern variables in headers:\n%s\n' "$externs"; bad=1; }

[ "$bad" -eq 0 ] && echo "layers are kept"
exit "$bad"
