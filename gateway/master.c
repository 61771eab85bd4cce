/*
 * master.c - the master: reads the site, makes sockets and links, forks the workers, watches them.
 *
 * What starts: every worker of the site. What arrives: answers to pings, the end of a child, SIGHUP
 * (reload), SIGTERM and SIGINT (stop). What leaves: deaths, counters and configuration news to
 * alarms; the watchdog's sign of life to systemd while alarms and courier answer.
 */
#include "gateway/master.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/cmd.h"
#include "gateway/master_self.h"

#define BEAT_S 0.25
#define PING_MS 1000

static struct child *
child_named(struct master *master, enum child_kind kind)
{
    for (size_t i = 0; i < master->child_count; i++)
        if (master->children[i].kind == kind)
            return &master->children[i];
    return NULL;
}

/*
 * News wait here while alarms is away or busy: they become rows of the journal. What was sent is
 * kept until alarms has answered a ping that was sent after it; when alarms dies before, it is sent
 * again.
 */
static void
send_news(struct master *master)
{
    struct child *alarms = child_named(master, CHILD_ALARMS);

    if (alarms == NULL || alarms->link == NULL || !alarms->is_ready || alarms->was_told_to_stop)
        return;
    for (size_t i = 0; i < master->news_count; i++) {
        struct news *item = &master->news[i];

        if (item->is_sent)
            continue;
        if (item->type == MSG_WORKER ? !link_send(alarms->link, MSG_WORKER, 1, &item->worker)
                                     : !link_send_blob(alarms->link, MSG_GENERATION, NULL, 0,
                                                       item->text, strlen(item->text)))
            return;
        item->is_sent = true;
        item->pinged = master->alarms_pings;
    }
}

static void
forget_read_news(struct master *master)
{
    size_t kept = 0;

    for (size_t i = 0; i < master->news_count; i++) {
        struct news *item = &master->news[i];

        if (item->is_sent && master->alarms_pongs > item->pinged)
            free(item->text);
        else
            master->news[kept++] = *item;
    }
    master->news_count = kept;
}

static void
unsend_news(struct master *master)
{
    for (size_t i = 0; i < master->news_count; i++)
        master->news[i].is_sent = false;
    master->alarms_pings = master->alarms_pongs = 0;
}

void
master_add_news(struct master *master, struct news item)
{
    if (master->news_count == NEWS_MAX) {
        free(master->news[0].text);
        memmove(master->news, master->news + 1, (NEWS_MAX - 1) * sizeof master->news[0]);
        master->news_count--;
        if (master->news_dropped++ == 0)
            log_warning("alarms is away for long: the oldest news for it are dropped");
    }
    master->news[master->news_count++] = item;
    send_news(master);
}

static void
tell_worker(struct master *master, const struct child *child, enum worker_change change, int status)
{
    struct news item = {.type = MSG_WORKER};

    text_copy(item.worker.name, sizeof item.worker.name, child->name);
    item.worker.change = change;
    item.worker.status = status;
    item.worker.pid = child->pid;
    item.worker.restarts = child->restarts;
    item.worker.utc_ms = clock_now().utc_ms;
    master_add_news(master, item);
}

static void
on_child_message(void *ctx, const struct msg_head *head, const void *body)
{
    struct child *child = ctx;
    struct master *master = child->master;

    child->answered_ms = clock_now().mono_ms;
    if (head->type == MSG_READY) {
        child->is_ready = true;
        log_debug("%s is ready", child->name);
    } else if (head->type == MSG_PONG && head->count == STAT_COUNT) {
        child->is_ready = true;
        memcpy(child->stats, body, sizeof child->stats);
        if (child->kind == CHILD_ALARMS) {
            master->alarms_pongs++;
            forget_read_news(master);
        }
    } else if (head->type == MSG_RELOAD) {
        master_note_asker(master, body, head->bytes);
    }
}

static void
start_child(struct master *master, struct child *child, int64_t now_ms)
{
    static const struct link_handlers HANDLERS = {.on_message = on_child_message};
    struct err err;

    if (child->kind == CHILD_ALARMS)
        unsend_news(master);
    /* UTC makes it grow across restarts of the master; the counter, when the clock stands. */
    uint64_t incarnation = (uint64_t)clock_now().utc_ms;
    master->incarnation = incarnation > master->incarnation ? incarnation : master->incarnation + 1;
    if (child_start(child, master->loop, master->site, &master->plumbing, master->incarnation,
                    now_ms, &HANDLERS, child, &err) != ERR_OK) {
        log_error("%s: %s; next try in %d s", child->name, err.text, CHILD_BACKOFF_MAX_MS / 1000);
        child->start_at_ms = now_ms + CHILD_BACKOFF_MAX_MS;
        return;
    }
    log_debug("%s started, pid %d", child->name, (int)child->pid);
    tell_worker(master, child, WORKER_STARTED, 0);
}

static void
kill_child(struct child *child)
{
    child->was_killed = true;
    kill(child->pid, SIGKILL);
}

void
master_stop_child(struct child *child, int64_t now_ms)
{
    if (child->pid == 0 || child->was_told_to_stop)
        return;
    child->was_told_to_stop = true;
    child->stop_by_ms = now_ms + CHILD_STOP_MS;
    /* One that does not read its link cannot be asked. */
    if (!link_send(child->link, MSG_STOP, 0, NULL))
        kill_child(child);
}

/* Stopping goes kind by kind, so that what the first ones still say reaches the last ones. */
static void
stop_next(struct master *master, int64_t now_ms)
{
    for (enum child_kind kind = CHILD_COLLECTOR; kind <= CHILD_COURIER; kind++) {
        bool is_any = false;

        for (size_t i = 0; i < master->child_count; i++)
            if (master->children[i].kind == kind && master->children[i].pid != 0) {
                master_stop_child(&master->children[i], now_ms);
                is_any = true;
            }
        if (is_any)
            return;
    }
    ev_break(master->loop, EVBREAK_ALL);
}

static void
log_end(const struct child *child, int status)
{
    if (child->was_told_to_stop && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        log_debug("%s ended", child->name);
    else if (WIFSIGNALED(status))
        log_error("%s (pid %d) was ended by signal %d (%s)%s", child->name, (int)child->pid,
                  WTERMSIG(status), strsignal(WTERMSIG(status)),
                  child->was_killed ? ", sent because it did not answer" : "");
    else
        log_error("%s (pid %d) ended with status %d", child->name, (int)child->pid,
                  WEXITSTATUS(status));
}

static void
reap(struct master *master)
{
    int64_t now_ms = clock_now().mono_ms;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < master->child_count; i++) {
            struct child *child = &master->children[i];

            if (child->pid != pid)
                continue;
            log_end(child, status);
            bool was_wanted_dead = child->was_told_to_stop;
            enum worker_change change = child->was_killed ? WORKER_HUNG : WORKER_DIED;
            struct child before = *child;
            child_ended(child, now_ms);
            if (!was_wanted_dead) {
                before.restarts = child->restarts;
                tell_worker(master, &before, change, status);
                if (child->is_wanted)
                    log_info("%s starts again in %lld ms", child->name,
                             (long long)child->backoff_ms);
            }
        }
    }
    if (master->is_stopping)
        stop_next(master, now_ms);
}

static void
watch_child(struct master *master, struct child *child, int64_t now_ms)
{
    if (child->pid == 0) {
        if (child->is_wanted && !master->is_stopping && now_ms >= child->start_at_ms)
            start_child(master, child, now_ms);
        return;
    }
    if (child->was_told_to_stop) {
        if (now_ms >= child->stop_by_ms && !child->was_killed) {
            log_error("%s does not stop: killed", child->name);
            kill_child(child);
        }
        return;
    }
    int64_t silent_ms = now_ms - child->answered_ms;
    if (silent_ms > (child->is_ready ? CHILD_SILENT_MS : CHILD_SETUP_MS) && !child->was_killed) {
        log_error("%s (pid %d) has not answered for %lld s: killed", child->name, (int)child->pid,
                  (long long)silent_ms / 1000);
        kill_child(child);
    }
}

static void
ping(struct master *master)
{
    struct child *alarms = child_named(master, CHILD_ALARMS);

    for (size_t i = 0; i < master->child_count; i++) {
        struct child *child = &master->children[i];

        if (child->pid == 0)
            continue;
        /* A full link means it does not read: silence will tell. */
        if (link_send(child->link, MSG_PING, 0, NULL) && child == alarms)
            master->alarms_pings++;
        if (!child->is_ready || alarms == NULL || !alarms->is_ready || alarms->link == NULL)
            continue;
        struct msg_stats stats = {.pid = child->pid, .restarts = child->restarts};
        text_copy(stats.name, sizeof stats.name, child->name);
        memcpy(stats.values, child->stats, sizeof stats.values);
        (void)link_send(alarms->link, MSG_STATS, 1, &stats);
    }
}

static bool
is_answering(struct master *master, enum child_kind kind, int64_t now_ms)
{
    const struct child *child = child_named(master, kind);

    return child == NULL || !child->is_wanted ||
           (child->is_ready && now_ms - child->answered_ms < CHILD_SILENT_MS);
}

static void
feed_systemd(struct master *master, int64_t now_ms)
{
    if (!master->was_ready) {
        for (size_t i = 0; i < master->child_count; i++)
            if (master->children[i].is_wanted && !master->children[i].is_ready)
                return;
        master->was_ready = true;
        log_info("site %s: %u devices, %u collectors; ready", master->site->id,
                 master->site->device_count, master->site->shard_count);
        sd_notifyf(0, "READY=1\nSTATUS=%u devices, generation %u", master->site->device_count,
                   master->site->generation);
    }
    if (is_answering(master, CHILD_ALARMS, now_ms) && is_answering(master, CHILD_COURIER, now_ms))
        sd_notify(0, "WATCHDOG=1");
}

static void
on_beat(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct master *master = watcher->data;
    int64_t now_ms = clock_now().mono_ms;

    (void)loop;
    (void)events;
    for (size_t i = 0; i < master->child_count; i++)
        watch_child(master, &master->children[i], now_ms);
    if (now_ms - master->pinged_ms >= PING_MS) {
        master->pinged_ms = now_ms;
        ping(master);
        feed_systemd(master, now_ms);
    }
    master_reload_for_askers(master);
    send_news(master);
}

static void
stop(struct master *master)
{
    if (master->is_stopping)
        return;
    log_info("stopping");
    sd_notify(0, "STOPPING=1");
    master->is_stopping = true;
    stop_next(master, clock_now().mono_ms);
}

static void
on_signal(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct master *master = watcher->data;
    struct signalfd_siginfo info;

    (void)loop;
    (void)events;
    while (read(watcher->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            reap(master);
        else if (info.ssi_signo == SIGHUP)
            master_on_hangup(master, &info);
        else
            stop(master);
    }
}

static void
watch_signals(struct master *master)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);

    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        abort();
    ev_io_init(&master->signals, on_signal, fd, EV_READ);
    master->signals.data = master;
    ev_io_start(master->loop, &master->signals);
}

static void
raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int
master_run(const struct master_options *options)
{
    struct master *master = calloc(1, sizeof *master);
    struct site_texts texts = {0};
    struct err err;
    int status = EXIT_FINE;

    if (master == NULL)
        return EXIT_BROKEN;
    master->options = options;
    log_init("master", options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    plumbing_init(&master->plumbing);
    if (master_load_first(master, &texts) != ERR_OK) {
        texts_done(&texts);
        free(master);
        return EXIT_WRONG;
    }
    raise_limits();
    signal(SIGPIPE, SIG_IGN);
    if (plumbing_open(&master->plumbing, master->site, options->socket, &err) != ERR_OK) {
        log_error("%s", err.text);
        status = EXIT_BROKEN;
        goto done;
    }
    master_record_first(master, &texts);
    texts_done(&texts);
    master->loop = ev_loop_new(EVFLAG_AUTO);
    if (master->loop == NULL)
        abort();
    watch_signals(master);
    ev_timer_init(&master->beat, on_beat, 0, BEAT_S);
    master->beat.data = master;
    ev_timer_start(master->loop, &master->beat);
    master_want_children(master);
    log_info("watchroom " WATCHROOM_VERSION " starts site %s from %s, control socket %s",
             master->site->id, master->site->file, master->plumbing.socket);
    ev_run(master->loop, 0);
    log_info("stopped");
    close(master->signals.fd);
    ev_loop_destroy(master->loop);
    for (size_t i = 0; i < master->news_count; i++)
        free(master->news[i].text);
done:
    texts_done(&texts);
    plumbing_close(&master->plumbing);
    site_free(master->site);
    free(master);
    return status;
}
