/*
 * session_snmp.h - net-snmp as a codec with a socket: one connected UDP socket per device, never a
 * blocking call. What the library does not check is checked here; requests, their time and their
 * meaning are the driver's.
 */
#ifndef WATCHROOM_COLLECTORS_SESSION_SNMP_H
#define WATCHROOM_COLLECTORS_SESSION_SNMP_H

#include "collectors/collect.h"
#include "collectors/decode_snmp.h"
#include "gateway/base/err.h"

#define SESSION_SNMP_TIMEOUT_DEFAULT_MS 1000

struct snmp_pdu;      /* net-snmp's */
struct variable_list; /* net-snmp's */

/* Once per process. No file is read or written but a device's community. */
void session_snmp_init(void);
void session_snmp_done(void);

/* Reads the community (blocking, a file) and opens the socket. */
enum err_code session_snmp_open(const struct collect_device *device, void **out_session,
                                int *out_fd, struct err *err) MUST_CHECK;
void session_snmp_close(void *session); /* NULL is fine */

uint16_t session_snmp_timeout_ms(const struct collect_device *device);

enum session_snmp_read {
    SESSION_SNMP_TAKEN,  /* its request's callback was called */
    SESSION_SNMP_STRAY,  /* SNMP, but no answer to a request under way */
    SESSION_SNMP_BROKEN, /* not SNMP of this version */
    SESSION_SNMP_NOTHING,
    SESSION_SNMP_UNREACHABLE, /* errno says how: a port or a host refuses */
};

/* One datagram of a readable socket. */
enum session_snmp_read session_snmp_read(void *session, int fd);

/* Lets go of requests whose time is over, with their callbacks. Not from within a callback. */
void session_snmp_expire(void *session);

/* The library takes any community in an answer. */
bool session_snmp_is_own_community(void *session, const struct snmp_pdu *pdu);

/* Borrows from `variable`. */
struct snmp_value session_snmp_value(const struct variable_list *variable);

#endif
