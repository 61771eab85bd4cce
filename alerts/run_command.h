/*
 * run_command.h - a local command of the operator's: argv, a text on stdin, a bounded time.
 *
 * Never blocks: the text fits the pipe, the end is an event of the loop. Its own session, so that
 * what it starts is ended with it; nothing of ours but stderr is inherited.
 */
#ifndef WATCHROOM_ALERTS_RUN_COMMAND_H
#define WATCHROOM_ALERTS_RUN_COMMAND_H

#include "gateway/base/err.h"
#include "gateway/base/loop.h"

#define RUN_COMMAND_TEXT_MAX ((size_t)32 * 1024) /* a new pipe takes 64 KiB */

struct run_command;

/* `status` as waitpid(2) gives it; `timed_out`: it was killed. The command is freed after. */
typedef void run_command_ended(void *ctx, int status, bool timed_out);

enum err_code run_command_start(struct ev_loop *loop, const char *const *argv, const char *text,
                                size_t bytes, int64_t timeout_ms, run_command_ended *on_end,
                                void *ctx, struct run_command **out_command,
                                struct err *err) MUST_CHECK;
/* Kills it; on_end is not called. NULL is fine. */
void run_command_kill(struct run_command *command);

#endif
