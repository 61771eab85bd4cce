/*
 * json_write.h - canonical JSON (gateway/base/json.h) written straight into a text: for what is
 * written by the thousand. Who writes gives the members in the order of their keys.
 */
#ifndef WATCHROOM_ALERTS_JSON_WRITE_H
#define WATCHROOM_ALERTS_JSON_WRITE_H

#include "gateway/base/text.h"

/* With its quotes; bytes that are no UTF-8 become '?'. */
void json_write_string(struct text_buf *out, const char *text);
void json_write_int(struct text_buf *out, int64_t value);
/* As json_number_of writes it. */
void json_write_number(struct text_buf *out, double value);

/* ,"key": - without the comma right behind an opening brace. */
void json_write_key(struct text_buf *out, const char *key);
/* A member; the comma as above. */
void json_write_text(struct text_buf *out, const char *key, const char *text);
void json_write_integer(struct text_buf *out, const char *key, int64_t value);
void json_write_flag(struct text_buf *out, const char *key, bool value);

#endif
