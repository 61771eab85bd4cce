/*
 * courier_harness.c - a courier with a real journal and a broker of the test's choice.
 *
 * Plays master and alarms for one courier process: writes rows, ticks, passes on what the courier
 * says. Driven by lines on stdin; answers and news are JSON lines on stdout. Ends, and the courier
 * with it, at the end of stdin.
 *
 * - rows N M: N rows over M alarms in turn: raised, at rest, raised ... (answers "committed")
 * - raise ID, rest ID: one row (the same)
 * - quiet N: N rows that nobody is told (the same)
 * - early ID, early-rest ID: a row that is not on disk
 * - journal: another journal, as after a quarantine (the same)
 * - silent, speak: no more ticks; ticks again
 * - value V: a sample of ups-a/ups.load
 * - start, kill, stop (answer "ended"), pause, resume: the courier
 * - memory: its resident bytes (answers "memory")
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alerts/alarm_def.h"
#include "alerts/courier.h"
#include "alerts/journal.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/sample.h"
#include "gateway/base/text.h"

#define COMMIT_ROWS 500
#define AUDIENCES (AUDIENCE_BIT(AUDIENCE_SECURITY) | AUDIENCE_BIT(AUDIENCE_CONTINUITY))
#define ALARMS_MAX 10000
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct point_def LOAD = {.id = "ups.load", .unit = "%", .description = "load"};
static const uint32_t POINTS[] = {0};
static const struct device_info DEVICE = {.id = "ups-a",
                                          .name = "UPS A",
                                          .zone = "room-1",
                                          .asset = "4711",
                                          .owner = "facilities",
                                          .profile = "ups/test",
                                          .address = "127.0.0.1:161",
                                          .group_count = 1,
                                          .groups = {{"fast", 1000}},
                                          .point_count = 1,
                                          .points = POINTS};
static const struct point_ref REF = {&LOAD, 0};
static const struct directory DIRECTORY = {
    .site = "test", .device_limit = 1, .devices = &DEVICE, .point_limit = 1, .points = &REF};

static struct harness {
    struct ev_loop *loop;
    struct courier_params params;
    struct journal *journal;
    int master_fds[2], alarms_fds[2];
    struct link *master, *alarms;
    pid_t courier;
    char **argv;
    uint64_t boot, incarnation;
    uint32_t retained, pongs;
    bool is_raised[ALARMS_MAX], is_silent;
    struct msg_cursor cursor;
    char line[8192];
    size_t line_bytes;
} harness;

static void
fail(const char *what, const struct err *err)
{
    fprintf(stderr, "harness: %s: %s\n", what, err != NULL ? err->text : "failed");
    exit(2);
}

static void
open_journal(void)
{
    struct journal_open_result opened;
    struct err err;

    if (journal_open(harness.params.state_dir, "test", clock_now().utc_ms, 0, &harness.journal,
                     &opened, &err) != ERR_OK)
        fail("journal", &err);
}

static void
tick(void)
{
    struct stamp now = clock_now();
    struct msg_tick message = {.utc_ms = now.utc_ms,
                               .mono_ms = now.mono_ms,
                               .committed = journal_committed(harness.journal),
                               .boot = harness.boot,
                               .retained = harness.retained,
                               .active = {harness.retained, 0, harness.retained, 0, 0}};

    if (!harness.is_silent)
        (void)link_send(harness.alarms, MSG_TICK, 1, &message);
}

static void
add_row(const char *id, bool is_raised)
{
    char members[512], payload[600];
    uint64_t seq = journal_head(harness.journal) + 1;
    int length = snprintf(members, sizeof members,
                          "{\"alarm\":{\"id\":\"%s\",\"raised\":%s,\"seq\":%llu},"
                          "\"change\":[\"%s\"]}",
                          id, is_raised ? "true" : "false", (unsigned long long)seq,
                          is_raised ? "raised" : "cleared");

    journal_add_text(harness.journal, "alarm", clock_now().utc_ms, members, (size_t)length, id,
                     AUDIENCES, 2);
    snprintf(payload, sizeof payload,
             "{\"hash\":\"%s\",\"id\":\"%s\",\"raised\":true,\"seq\":%llu}",
             journal_head_hash(harness.journal), id, (unsigned long long)seq);
    journal_put_alarm(harness.journal, id, is_raised ? payload : NULL, "", 0);
}

static void
commit(void)
{
    struct err err;

    if (journal_commit(harness.journal, clock_now().utc_ms, &err) != ERR_OK)
        fail("commit", &err);
    tick();
}

static void
answer(void)
{
    printf("{\"committed\": %llu, \"jid\": \"%s\", \"ts\": %lld}\n",
           (unsigned long long)journal_committed(harness.journal), journal_id(harness.journal),
           (long long)clock_now().utc_ms);
}

static void
add_rows(unsigned long count, unsigned long alarms)
{
    char id[32];

    for (unsigned long i = 0; i < count; i++) {
        unsigned long k = i % (alarms < ALARMS_MAX ? alarms : ALARMS_MAX);

        harness.is_raised[k] = !harness.is_raised[k];
        harness.retained += harness.is_raised[k] ? 1u : UINT32_MAX;
        snprintf(id, sizeof id, "power/ups-a/n%lu", k);
        add_row(id, harness.is_raised[k]);
        if (i % COMMIT_ROWS == COMMIT_ROWS - 1)
            commit();
    }
    commit();
    answer();
}

static void
add_quiet_rows(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        journal_add(harness.journal, "device", clock_now().utc_ms, json_object(), NULL, 0, 0);
    commit();
    answer();
}

static void
send_unwritten(const char *id, bool is_at_rest)
{
    char text[512];
    int length = snprintf(
        text, sizeof text,
        "{\"alarm\":{\"audience\":[\"security\"],\"cond\":\"active\",\"id\":\"%s\"},"
        "\"jid\":\"%s\",\"kind\":\"alarm\",\"seq\":%llu,\"journalled\":false}",
        id, journal_id(harness.journal), (unsigned long long)journal_head(harness.journal) + 1);

    struct msg_row head = {.seq = journal_head(harness.journal) + 1, .is_at_rest = is_at_rest};

    (void)link_send_blob(harness.alarms, MSG_ROW, &head, sizeof head, text, (size_t)length);
}

static void
change_journal(void)
{
    char path[4096];
    static const char *const NAMES[] = {"journal.db", "journal.db-wal", "journal.db-shm"};

    journal_close(harness.journal);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        snprintf(path, sizeof path, "%s/%s", harness.params.state_dir, NAMES[i]);
        unlink(path);
    }
    open_journal();
    memset(harness.is_raised, 0, sizeof harness.is_raised);
    harness.retained = 0;
    harness.boot++;
    tick();
    answer();
}

static void
send_value(double value)
{
    struct stamp now = clock_now();
    struct sample sample = {.value = value,
                            .utc_ms = now.utc_ms,
                            .mono_ms = now.mono_ms,
                            .point = 0,
                            .quality = QUALITY_GOOD};

    (void)link_send(harness.alarms, MSG_SAMPLES, 1, &sample);
}

/* As a program of its own: SQLite must not be carried over a fork. */
static void
start_courier(void)
{
    char fds[64];

    fflush(stdout);
    snprintf(fds, sizeof fds, "%d %d %llu", harness.master_fds[1], harness.alarms_fds[1],
             (unsigned long long)++harness.incarnation);
    harness.courier = fork();
    if (harness.courier != 0)
        return;
    setenv("COURIER_FDS", fds, 1);
    fcntl(harness.master_fds[1], F_SETFD, 0);
    fcntl(harness.alarms_fds[1], F_SETFD, 0);
    execv("/proc/self/exe", harness.argv);
    _exit(127);
}

static int
be_courier(const char *fds)
{
    struct worker_env env = {.name = "courier"};
    unsigned long long incarnation;

    if (sscanf(fds, "%d %d %llu", &env.master_fd, &harness.params.alarms_fd, &incarnation) != 3)
        return 2;
    env.incarnation = incarnation;
    log_init("courier", LOG_LEVEL_DEBUG);
    return courier_main(&env, &harness.params);
}

static void
end_courier(int signal_number)
{
    int status = 0;

    if (harness.courier <= 0)
        return;
    if (signal_number == 0)
        (void)link_send(harness.master, MSG_STOP, 0, NULL);
    else
        kill(harness.courier, signal_number);
    waitpid(harness.courier, &status, 0);
    harness.courier = 0;
    printf("{\"ended\": %d}\n", status);
}

static void
print_memory(void)
{
    char path[64], line[128];
    long bytes = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)harness.courier);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            bytes = strtol(line + 6, NULL, 10) * 1024;
    if (file != NULL)
        fclose(file);
    printf("{\"memory\": %ld}\n", bytes);
}

static void
obey(char *line)
{
    char *argument = strchr(line, ' ');
    unsigned long numbers[2] = {0, 1};

    if (argument != NULL)
        *argument++ = '\0';
    else
        argument = line + strlen(line);
    sscanf(argument, "%lu %lu", &numbers[0], &numbers[1]);
    if (strcmp(line, "rows") == 0)
        add_rows(numbers[0], numbers[1]);
    else if (strcmp(line, "quiet") == 0)
        add_quiet_rows(numbers[0]);
    else if (strcmp(line, "raise") == 0 || strcmp(line, "rest") == 0)
        add_row(argument, line[1] == 'a'), commit(), answer();
    else if (strcmp(line, "early") == 0 || strcmp(line, "early-rest") == 0)
        send_unwritten(argument, line[5] == '-');
    else if (strcmp(line, "journal") == 0)
        change_journal();
    else if (strcmp(line, "silent") == 0 || strcmp(line, "speak") == 0)
        harness.is_silent = line[1] == 'i';
    else if (strcmp(line, "value") == 0)
        send_value(strtod(argument, NULL));
    else if (strcmp(line, "start") == 0)
        start_courier();
    else if (strcmp(line, "kill") == 0)
        end_courier(SIGKILL);
    else if (strcmp(line, "stop") == 0)
        end_courier(0);
    else if (strcmp(line, "pause") == 0 || strcmp(line, "resume") == 0)
        kill(harness.courier, line[0] == 'p' ? SIGSTOP : SIGCONT);
    else if (strcmp(line, "memory") == 0)
        print_memory();
    else
        fail(line, NULL);
    fflush(stdout);
}

static void
on_stdin(struct ev_loop *loop, ev_io *watcher, int events)
{
    ssize_t got =
        read(0, harness.line + harness.line_bytes, sizeof harness.line - harness.line_bytes - 1);
    char *end;

    (void)watcher;
    (void)events;
    if (got <= 0) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    harness.line_bytes += (size_t)got;
    harness.line[harness.line_bytes] = '\0';
    while ((end = strchr(harness.line, '\n')) != NULL) {
        *end++ = '\0';
        obey(harness.line);
        harness.line_bytes -= (size_t)(end - harness.line);
        memmove(harness.line, end, harness.line_bytes + 1);
    }
}

static void
on_second(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
    tick();
    (void)link_send(harness.master, MSG_PING, 0, NULL);
}

/* Every command is answered with "ok" and told to the test. */
static void
take_command(const struct msg_head *head, const void *body)
{
    struct msg_command command;
    static const char OUTCOME[] = "{\"code\":\"ok\"}";

    memcpy(&command, body, sizeof command);
    printf("{\"command\": {\"user\": \"%s\", \"verb\": \"%s\", \"retained\": %u, \"bytes\": %zu, "
           "\"correlation\": \"%.*s\"}}\n",
           command.user, command.verb, command.retained, head->bytes - sizeof command,
           (int)command.correlation_bytes, (const char *)command.correlation);
    command.payload_bytes = sizeof OUTCOME - 1;
    if (command.response_topic[0] != '\0')
        (void)link_send_blob(harness.alarms, MSG_OUTCOME, &command, sizeof command, OUTCOME,
                             sizeof OUTCOME - 1);
}

static void
on_courier(void *ctx, const struct msg_head *head, const void *body)
{
    (void)ctx;
    if (head->type == MSG_CURSOR) {
        struct msg_cursor cursor = *(const struct msg_cursor *)body;

        if (memcmp(&cursor, &harness.cursor, sizeof cursor) != 0)
            printf("{\"cursor\": %llu, \"refused\": %llu, \"connected\": %s}\n",
                   (unsigned long long)cursor.seq, (unsigned long long)cursor.refused,
                   cursor.connected ? "true" : "false");
        harness.cursor = cursor;
    } else if (head->type == MSG_COMMAND) {
        take_command(head, body);
    }
    fflush(stdout);
}

static void
on_master(void *ctx, const struct msg_head *head, const void *body)
{
    (void)ctx;
    (void)body;
    if (head->type == MSG_PONG)
        printf("{\"pongs\": %u}\n", ++harness.pongs);
    fflush(stdout);
}

static void
read_options(int argc, char **argv)
{
    struct courier_params *params = &harness.params;
    int option;

    *params = (struct courier_params){.directory = &DIRECTORY,
                                      .site = "test",
                                      .root = "watchroom/1",
                                      .config_digest = DIGEST,
                                      .host = "127.0.0.1",
                                      .client_id = "watchroom-test",
                                      .keep_alive_s = 2,
                                      .window = 100};
    while ((option = getopt(argc, argv, "d:h:p:a:c:k:u:w:W:v")) != -1)
        switch (option) {
        case 'd':
            params->state_dir = optarg;
            break;
        case 'h':
            params->host = optarg;
            break;
        case 'p':
            params->port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'a':
            params->tls_ca = optarg;
            break;
        case 'c':
            params->tls_certificate = optarg;
            break;
        case 'k':
            params->tls_key = optarg;
            break;
        case 'u':
            params->user = optarg;
            break;
        case 'w':
            params->password_file = optarg;
            break;
        case 'W':
            params->window = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'v':
            params->publish_values = true;
            break;
        default:
            exit(2);
        }
    if (params->state_dir == NULL || params->port == 0)
        fail("usage: -d STATE_DIR -p PORT", NULL);
}

int
main(int argc, char **argv)
{
    static const struct link_handlers COURIER = {.on_message = on_courier};
    static const struct link_handlers MASTER = {.on_message = on_master};
    struct err err;
    ev_io input;
    ev_timer second;

    harness.argv = argv;
    read_options(argc, argv);
    if (getenv("COURIER_FDS") != NULL)
        return be_courier(getenv("COURIER_FDS"));
    signal(SIGPIPE, SIG_IGN);
    harness.boot = 1;
    harness.loop = ev_loop_new(EVFLAG_AUTO);
    if (link_pair(harness.master_fds, &err) != ERR_OK ||
        link_pair(harness.alarms_fds, &err) != ERR_OK)
        fail("links", &err);
    harness.master = link_new(harness.loop, harness.master_fds[0], 0, &MASTER, NULL);
    harness.alarms = link_new(harness.loop, harness.alarms_fds[0], 0, &COURIER, NULL);
    if (harness.loop == NULL || harness.master == NULL || harness.alarms == NULL)
        fail("memory", NULL);
    open_journal();
    start_courier();
    ev_io_init(&input, on_stdin, 0, EV_READ);
    ev_io_start(harness.loop, &input);
    ev_timer_init(&second, on_second, 0, 1);
    ev_timer_start(harness.loop, &second);
    ev_run(harness.loop, 0);
    end_courier(SIGKILL);
    link_free(harness.alarms);
    link_free(harness.master);
    journal_close(harness.journal);
    ev_loop_destroy(harness.loop);
    return 0;
}
