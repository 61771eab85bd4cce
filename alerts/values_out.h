/*
 * values_out.h - the newest readings as val/<device>/<group>, once per group interval.
 */
#ifndef WATCHROOM_ALERTS_VALUES_OUT_H
#define WATCHROOM_ALERTS_VALUES_OUT_H

#include "gateway/base/point.h"
#include "gateway/base/sample.h"

struct values_out;

/* NULL: out of memory. `directory` is borrowed. */
struct values_out *values_out_new(const struct directory *directory);
void values_out_free(struct values_out *values);

void values_out_take(struct values_out *values, const struct sample *samples, size_t count);

/*
 * Hands out at most `limit` groups that have news and whose interval is over. `publish` returns
 * false to stop (the broker cannot take more): the group stays due. Payload:
 * {"ts": newest reading, "values": {"<point>": {"v": value, "u": unit, "q": quality,
 * "label": text of a state}}}; "v" is null when the quality is bad.
 */
void values_out_due(struct values_out *values, int64_t now_ms, unsigned limit,
                    bool (*publish)(void *ctx, const char *device, const char *group,
                                    const char *payload, size_t bytes, uint32_t expires_s),
                    void *ctx);

/* All that is known is due again: a broker that may have forgotten it. */
void values_out_repeat(struct values_out *values);

#endif
