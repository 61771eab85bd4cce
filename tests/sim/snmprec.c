/*
 * snmprec.c - recordings of SNMP agents: lines of OID|TAG|VALUE.
 *
 * The tag is the BER tag in decimal; an "x" behind it says that the value is in hexadecimal. What a
 * recorder wrote for its own variation modules (a ":module" behind the tag) has no fixed value and
 * is left out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/ber.h"
#include "tests/sim/describe.h"
#include "tests/sim/objects.h"

static uint8_t
known_tag(long tag)
{
    switch (tag) {
    case BER_INTEGER:
    case BER_OCTETS:
    case BER_NULL:
    case BER_OID:
    case BER_IP_ADDRESS:
    case BER_COUNTER:
    case BER_GAUGE:
    case BER_TIMETICKS:
    case BER_OPAQUE:
    case BER_COUNTER64:
    case BER_NO_SUCH_OBJECT:
    case BER_NO_SUCH_INSTANCE:
        return (uint8_t)tag;
    default:
        return 0;
    }
}

/* Splits one line in place; a missing value is an empty one. */
static enum err_code
add_line(struct model *model, struct sim_template *template, char *line, struct err *err)
{
    char *tag_text = strchr(line, '|');
    char *value = tag_text == NULL ? NULL : strchr(tag_text + 1, '|');
    char *end;

    if (value == NULL)
        return err_set(err, ERR_CONFIG, "not OID|TAG|VALUE");
    *tag_text++ = '\0';
    *value++ = '\0';
    uint8_t tag = known_tag(strtol(tag_text, &end, 10));
    if (*end == ':')
        return ERR_OK;
    bool is_hex = *end == 'x';
    if (tag == 0 || end == tag_text || end[is_hex ? 1 : 0] != '\0')
        return err_set(err, ERR_CONFIG, "tag \"%.20s\" is not known", tag_text);

    char *text = value;
    char address[16];
    if (is_hex && tag == BER_IP_ADDRESS) {
        unsigned a, b, c, d;

        if (sscanf(value, "%2x%2x%2x%2x", &a, &b, &c, &d) != 4)
            return err_set(err, ERR_CONFIG, "\"%.20s\" is no address", value);
        snprintf(address, sizeof address, "%u.%u.%u.%u", a & 255, b & 255, c & 255, d & 255);
        text = address;
    } else if (is_hex) {
        text = malloc(strlen(value) + 5);
        if (text == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        memcpy(text, "hex:", 4);
        memcpy(text + 4, value, strlen(value) + 1);
    }
    struct sim_item *item = model_add_item(model, template, NULL);
    enum err_code code = item == NULL ? err_set(err, ERR_FULL, "too many objects")
                                      : objects_define(model, template, item, line, tag, text, err);
    if (text != value && text != address)
        free(text);
    return code;
}

enum err_code
snmprec_load(struct model *model, struct sim_template *template, const char *file, struct err *err)
{
    FILE *in = fopen(file, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    enum err_code code = ERR_OK;
    unsigned number = 0;

    if (in == NULL)
        return err_set(err, ERR_IO, "%s: %s", file, strerror(errno));
    while (code == ERR_OK && (length = getline(&line, &size, in)) >= 0) {
        number++;
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (length != 0 && line[0] != '#')
            code = add_line(model, template, line, err);
    }
    free(line);
    fclose(in);
    return code == ERR_OK ? ERR_OK : err_prefix(err, code, "%s:%u", file, number);
}
