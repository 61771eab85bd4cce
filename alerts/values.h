/*
 * values.h - the latest value of each point as JSON: numbers from the engine, texts kept here.
 */
#ifndef WATCHROOM_ALERTS_VALUES_H
#define WATCHROOM_ALERTS_VALUES_H

#include "alerts/engine.h"
#include "gateway/base/text.h"

struct values;

struct values *values_new(const struct directory *directory, const struct engine *engine);
void values_free(struct values *values);

/* The newest text of a point; false: no point, or no text point, or out of memory. */
bool values_take_text(struct values *values, const struct text_value *text);

/* Appends one point's value: point, value or text, unit, label, quality, cause, ts. False: a hole.
 */
bool values_write(const struct values *values, uint32_t point, struct text_buf *out);

#endif
