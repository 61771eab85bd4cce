/*
 * console_session.h - a console at the broker: subscriptions, what arrives, orders, presence.
 */
#ifndef WATCHROOM_GATEWAY_CONSOLE_SESSION_H
#define WATCHROOM_GATEWAY_CONSOLE_SESSION_H

#include "config/console_file.h"
#include "gateway/base/err.h"
#include "gateway/base/loop.h"
#include "gateway/console/console_model.h"

struct console_session;

/* Starts connecting. All borrowed; `on_news` is called in the loop after something changed. */
enum err_code console_session_new(struct ev_loop *loop, const struct console_settings *settings,
                                  struct console_model *model, void (*on_news)(void *ctx),
                                  void *ctx, struct console_session **out_session,
                                  struct err *err) MUST_CHECK;
/* Says farewell. */
void console_session_free(struct console_session *session);

/* An order of the user; false: not sent. */
bool console_session_send(struct console_session *session, const char *verb, const char *payload,
                          const char *cid);
/* Does what the model wishes; says presence when it is due. Call after messages and each second.
 * True: the bell is wished for. */
bool console_session_work(struct console_session *session, struct stamp now);

#endif
