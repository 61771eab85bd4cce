/*
 * bench_journal.c - what the record costs: rows a second that are committed, and that are verified.
 *
 * Alarm rows as a site has them, 500 a commit, in a journal on the
 * folder given (default /tmp). Printed, not asserted.
 *
 *   bench_journal [ROWS [FOLDER]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alerts/journal.h"
#include "alerts/journal_sign.h"
#include "alerts/journal_verify.h"
#include "gateway/base/text.h"

#define ROWS_DEFAULT 1000000
#define ROWS_MAX 100000000
#define COMMIT_ROWS 500
#define SIGN_ROWS 50000 /* as many as a busy hour has */
#define NOW INT64_C(1764000000000)

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
add_alarm(struct journal *journal, int64_t number)
{
    char members[1200], id[64];

    snprintf(id, sizeof id, "power/ups-%lld/on-battery", (long long)number % 500);
    int bytes = snprintf(
        members, sizeof members,
        "{\"alarm\":{\"ack\":\"unacked\",\"action\":\"Check the incoming supply and the "
        "generator; see that the load is carried.\",\"asset\":\"UPS-%lld\",\"audience\":"
        "[\"continuity\",\"facilities\"],\"boot\":\"0b1e5c2a-6c0e-4a6f-9a53-0d5ad2f1c7e1\","
        "\"chatter\":0,\"class\":\"power\",\"clock\":\"sync\",\"cond\":\"active\",\"consequence\":"
        "\"The load runs from the battery; it is lost when that is empty.\",\"id\":\"%s\","
        "\"label\":\"on battery\",\"managed\":false,\"mode\":\"live\",\"occ\":%lld,\"point\":"
        "\"ups-%lld/ups.status\",\"priority\":2,\"quality\":\"good\",\"raised\":%lld,\"resource\":"
        "\"ups-%lld\",\"respond_within_s\":600,\"seq\":%lld,\"severity\":\"major\",\"site\":"
        "\"bench\",\"supp\":[],\"text\":\"UPS on battery\",\"ts\":%lld,\"type\":"
        "\"power.ups.on-battery\",\"unc_ms\":1000,\"value\":2},\"change\":[\"raised\","
        "\"annunciate\"]}",
        (long long)number % 500, id, (long long)number / 500, (long long)number % 500,
        (long long)(NOW + number), (long long)number % 500, (long long)number,
        (long long)(NOW + number));
    return bytes > 0 && (size_t)bytes < sizeof members &&
           journal_add_text(journal, "alarm", NOW + number, members, (size_t)bytes, id, 6, 2) != 0;
}

static bool
write_rows(const char *dir, int64_t rows)
{
    struct journal_open_result result;
    struct journal *journal = NULL;
    struct err err;
    bool good = journal_open(dir, "bench", NOW, 0, &journal, &result, &err) == ERR_OK;
    double start = seconds();

    for (int64_t i = 1; good && i <= rows; i++) {
        good = i % SIGN_ROWS == 0 || i == rows
                   ? journal_checkpoint(journal, NOW + i, &err) == ERR_OK
                   : add_alarm(journal, i);
        if (i % COMMIT_ROWS == 0 || i == rows)
            good = good && journal_commit(journal, NOW, &err) == ERR_OK;
        if (i % 50000 == 0)
            journal_housekeep(journal, NOW + i, 0, 0);
    }
    if (good)
        printf("commit: %.0f rows/s, %d a commit\n", (double)rows / (seconds() - start),
               COMMIT_ROWS);
    journal_close(journal);
    return good;
}

static bool
verify_rows(const char *dir)
{
    struct journal_verdict verdict = {0};
    struct journal_reader *reader = NULL;
    struct sign_keys keys = {0};
    struct journal_verify_params params = {.keys = &keys};
    char path[300];
    bool good;

    snprintf(path, sizeof path, "%s/" JOURNAL_PUBLIC_FILE, dir);
    good = sign_keys_read(&keys, path, NULL) == ERR_OK &&
           journal_reader_open(dir, &reader, NULL) == ERR_OK;
    for (int round = 0; good && round < 3; round++) {
        double start = seconds();

        good = journal_verify(reader, &params, &verdict, NULL) == ERR_OK && verdict.is_complete &&
               verdict.is_unaltered && verdict.is_signed;
        if (good)
            printf("verify: %.0f rows/s (%llu rows, %llu checkpoints)\n",
                   (double)verdict.rows / (seconds() - start), (unsigned long long)verdict.rows,
                   (unsigned long long)verdict.checkpoints);
    }
    journal_reader_close(reader);
    sign_keys_done(&keys);
    return good;
}

int
main(int argc, char **argv)
{
    static const char *const FILES[] = {"journal.db",     "journal.db-wal", "journal.db-shm",
                                        "journal.key",    "journal.pub",    "journal.mark",
                                        "journal.ballast"};
    char dir[200], path[300];
    int64_t rows = ROWS_DEFAULT;

    if (argc > 1 && !text_parse_int(argv[1], 1, ROWS_MAX, &rows)) {
        fputs("bench_journal [ROWS [FOLDER]]\n", stderr);
        return 2;
    }
    snprintf(dir, sizeof dir, "%.150s/watchroom-bench-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (mkdtemp(dir) == NULL)
        return 1;
    bool good = write_rows(dir, rows) && verify_rows(dir);
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, FILES[i]);
        unlink(path);
    }
    rmdir(dir);
    if (!good)
        fputs("it failed\n", stderr);
    return good ? 0 : 1;
}
