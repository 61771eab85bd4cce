/*
 * session_snmp.c - net-snmp's single-session API, tamed.
 *
 * The socket is connect()ed, because the library takes an answer from anybody, and because a closed
 * port then says so at once. The library's own waiting, its files, its MIBs and its log are off.
 */
#include "collectors/session_snmp.h"

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/library/large_fd_set.h>
#include <net-snmp/library/snmp_logging.h>
#include <net-snmp/library/snmp_transport.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COMMUNITY_MAX 256 /* with its end; the library takes no longer one from the wire */
#define FD_SET_START 8192 /* grows when a descriptor is beyond it */
#define LIBRARY_EARLY_US 2000

static_assert(sizeof(oid) == sizeof(unsigned long), "sub-identifiers of net-snmp");

/* One for all: it only ever holds the one descriptor that is read. */
static netsnmp_large_fd_set fds;

void
session_snmp_init(void)
{
    /* No MIB is loaded, but the folders are still searched; and it makes the last one, for indexes
     * of certificates. Under a file nothing is found, and not even root can make any. */
    setenv("MIBS", "", 1);
    setenv("MIBDIRS", "/dev/null/none", 1);
    setenv("SNMP_PERSISTENT_DIR", "/dev/null/none", 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    /* Without any handler it writes to stderr, a line for each odd datagram a device sends. */
    netsnmp_register_loghandler(NETSNMP_LOGHANDLER_NONE, LOG_DEBUG);
    init_snmp("watchroom");
    netsnmp_large_fd_set_init(&fds, FD_SET_START);
    NETSNMP_LARGE_FD_ZERO(&fds);
}

void
session_snmp_done(void)
{
    netsnmp_large_fd_set_cleanup(&fds);
    snmp_shutdown("watchroom");
}

uint16_t
session_snmp_timeout_ms(const struct collect_device *device)
{
    return device->timeout_ms == 0 ? SESSION_SNMP_TIMEOUT_DEFAULT_MS : device->timeout_ms;
}

/* The first line of the file, without its end; or as the site has it. */
static enum err_code
read_community(const struct collect_device *device, char *out, size_t size, struct err *err)
{
    const char *path = device->community_file;
    struct stat info;

    if (path == NULL) {
        const char *community = device->community != NULL ? device->community : "public";
        size_t length = strlen(community);

        if (length >= size)
            return err_set(err, ERR_CONFIG, "community: longer than %zu bytes", size - 1);
        memcpy(out, community, length + 1);
        return ERR_OK;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    bool is_secret = fstat(fileno(file), &info) == 0 && (info.st_mode & 077) == 0;
    bool is_read = fgets(out, (int)size, file) != NULL;
    bool is_whole = is_read && (strchr(out, '\n') != NULL || fgetc(file) == EOF);
    fclose(file);
    if (!is_secret)
        return err_set(err, ERR_DENIED, "%s: others may read it; chmod 600", path);
    if (is_read && !is_whole)
        return err_set(err, ERR_CONFIG, "%s: longer than %zu bytes", path, size - 2);
    if (!is_read || strcspn(out, "\r\n") == 0)
        return err_set(err, ERR_CONFIG, "%s: empty", path);
    out[strcspn(out, "\r\n")] = '\0';
    return ERR_OK;
}

/* As the library wants it: "udp:192.0.2.1:161", "udp6:[fe80::1%eth0]:161". Numeric, so that it
 * resolves nothing. */
static void
write_peer(const struct sockaddr_in6 *v6, char *out, size_t size)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)v6;
    char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE];

    if (v6->sin6_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, size, "udp:%s:%u", host, ntohs(v4->sin_port));
        return;
    }
    bool has_scope = v6->sin6_scope_id != 0 && if_indextoname(v6->sin6_scope_id, name) != NULL;
    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    snprintf(out, size, "udp6:[%s%s%s]:%u", host, has_scope ? "%" : "", has_scope ? name : "",
             ntohs(v6->sin6_port));
}

enum err_code
session_snmp_open(const struct collect_device *device, void **out_session, int *out_fd,
                  struct err *err)
{
    const struct sockaddr_in6 *address = &device->address;
    socklen_t bytes =
        address->sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    char peer[INET6_ADDRSTRLEN + IF_NAMESIZE + 24], community[COMMUNITY_MAX];
    struct snmp_session wanted;
    enum err_code code = read_community(device, community, sizeof community, err);

    if (code != ERR_OK)
        return code;
    write_peer(address, peer, sizeof peer);
    snmp_sess_init(&wanted);
    wanted.version = device->snmp_version == SNMP_V1 ? SNMP_VERSION_1 : SNMP_VERSION_2c;
    wanted.peername = peer;
    wanted.community = (u_char *)community;
    wanted.community_len = strlen(community);
    wanted.retries = 0;
    /* A little less than our timer, so that the library agrees when that has run out. */
    wanted.timeout = session_snmp_timeout_ms(device) * 1000L;
    if (wanted.timeout > 2 * LIBRARY_EARLY_US)
        wanted.timeout -= LIBRARY_EARLY_US;
    void *session = snmp_sess_open(&wanted);
    explicit_bzero(community, sizeof community);
    if (session == NULL)
        return err_set(err, ERR_IO, "cannot open a session to %s: %s", peer,
                       wanted.s_errno != 0 ? strerror(wanted.s_errno)
                                           : snmp_api_errstring(wanted.s_snmp_errno));
    int fd = snmp_sess_transport(session)->sock;
    if (connect(fd, (const struct sockaddr *)address, bytes) != 0 ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        code = err_set(err, ERR_IO, "connect %s: %s", peer, strerror(errno));
        snmp_sess_close(session);
        return code;
    }
    *out_session = session;
    *out_fd = fd;
    return ERR_OK;
}

void
session_snmp_close(void *session)
{
    if (session != NULL)
        snmp_sess_close(session);
}

enum session_snmp_read
session_snmp_read(void *session, int fd)
{
    const struct snmp_session *state = snmp_sess_session(session);
    u_int strays = snmp_get_statistic(STAT_SNMPUNKNOWNPDUHANDLERS);

    NETSNMP_LARGE_FD_SET(fd, &fds); /* the library takes it out again when it has read */
    int result = snmp_sess_read2(session, &fds);
    int cause = state->s_errno;
    NETSNMP_LARGE_FD_CLR(fd, &fds);
    if (result == 0)
        return snmp_get_statistic(STAT_SNMPUNKNOWNPDUHANDLERS) == strays ? SESSION_SNMP_TAKEN
                                                                         : SESSION_SNMP_STRAY;
    if (state->s_snmp_errno != SNMPERR_BAD_RECVFROM)
        return SESSION_SNMP_BROKEN;
    if (cause == EAGAIN || cause == EWOULDBLOCK || cause == EINTR)
        return SESSION_SNMP_NOTHING;
    errno = cause;
    return SESSION_SNMP_UNREACHABLE;
}

void
session_snmp_expire(void *session)
{
    snmp_sess_timeout(session);
}

bool
session_snmp_is_own_community(void *session, const struct snmp_pdu *pdu)
{
    const struct snmp_session *own = snmp_sess_session(session);

    return pdu->community_len == own->community_len &&
           (own->community_len == 0 ||
            memcmp(pdu->community, own->community, own->community_len) == 0);
}

struct snmp_value
session_snmp_value(const struct variable_list *variable)
{
    struct snmp_value value = {.tag = variable->type, .length = variable->val_len};

    switch (variable->type) {
    case ASN_INTEGER:
        value.number = *variable->val.integer;
        break;
    case ASN_COUNTER:
    case ASN_GAUGE:
    case ASN_TIMETICKS:
    case ASN_UINTEGER:
        value.unsigned_number = (uint32_t)*variable->val.integer;
        break;
    case ASN_COUNTER64:
    case ASN_OPAQUE_COUNTER64:
    case ASN_OPAQUE_I64:
    case ASN_OPAQUE_U64:
        value.unsigned_number = (uint64_t)variable->val.counter64->high << 32 |
                                (variable->val.counter64->low & 0xFFFFFFFFu);
        break;
    case ASN_OPAQUE_FLOAT:
        value.real = *variable->val.floatVal;
        break;
    case ASN_OPAQUE_DOUBLE:
        value.real = *variable->val.doubleVal;
        break;
    case ASN_OBJECT_ID:
        value.oid = variable->val.objid;
        value.length = variable->val_len / sizeof(oid);
        break;
    default:
        value.bytes = variable->val.string;
    }
    return value;
}
