/*
 * agent.h - an SNMP agent without a socket: request bytes in, answer bytes out.
 *
 * v1 and v2c; GET, GETNEXT, GETBULK; SET is refused and counted. Misbehaviour that shows in the
 * bytes of an answer is made here, that of time and sockets in serve_snmp.c.
 */
#ifndef WATCHROOM_SIM_AGENT_H
#define WATCHROOM_SIM_AGENT_H

#include "tests/sim/model.h"

#define AGENT_MESSAGE_MAX 65507 /* a UDP datagram */

struct agent; /* working memory, for all devices */

struct agent *agent_new(void); /* NULL: out of memory */
void agent_free(struct agent *agent);

/*
 * The answer, borrowed until the next call; NULL where a real agent says nothing: broken requests,
 * wrong community, versions it does not speak. Counts in device->counters.
 */
const uint8_t *agent_answer(struct agent *agent, struct sim_device *device, const uint8_t *request,
                            size_t length, double now_s, size_t *out_length);

/* Changes an answer in place: another request id, or other names. */
void agent_lie_id(uint8_t *answer, size_t length);
void agent_lie_oids(uint8_t *answer, size_t length);

#endif
