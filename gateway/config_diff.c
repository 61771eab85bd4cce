/*
 * config_diff.c - watchroom config diff: two configurations, by meaning or line by line.
 */
#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alerts/generations.h"
#include "config/site.h"
#include "gateway/base/file.h"
#include "gateway/beside.h"
#include "gateway/config_order.h"
#include "gateway/generation.h"
#include "gateway/plumbing.h"

/* one side */

static int
read_file(const struct config_order *order, struct generation_reader *reader,
          struct config_side *side)
{
    struct site_options options = {.generation = 1, .texts = &side->texts};
    struct diag diag;
    struct site *site = NULL;
    json_t *row = NULL;
    const char *file = order->file;

    if (reader->newest != 0 && generation_reader_row(reader, reader->newest, &row, NULL) != ERR_OK)
        row = NULL;
    options.profile_dir = order->profiles != NULL
                              ? order->profiles
                              : json_text_or(row, "profiles", beside_profiles());
    if (file == NULL)
        file = json_text_or(row, "file", "/etc/watchroom/site.yaml");
    snprintf(side->title, sizeof side->title, "%s", file);
    diag_init(&diag);
    /* Faults are for check to tell; the text is compared all the same. */
    bool is_good = site_load(file, &options, &diag, &site) == ERR_OK;
    bool is_read = side->texts.first != NULL;
    if (!is_read)
        diag_print(&diag, stderr);
    else if (!is_good)
        fprintf(stderr, "watchroom: %s has %zu errors: see watchroom check\n", file, diag.errors);
    diag_done(&diag);
    site_free(site);
    json_decref(row);
    return is_read ? EXIT_FINE : EXIT_BROKEN;
}

int
config_side_read(const struct config_order *order, struct generation_reader *reader,
                 const char *word, struct config_side *out_side)
{
    json_t *row = NULL;
    struct err err;
    int status;

    *out_side = (struct config_side){0};
    if (strcmp(word, "file") == 0)
        return read_file(order, reader, out_side);
    status = config_number(reader, word, &out_side->generation);
    if (status != EXIT_FINE)
        return status;
    if (generation_reader_row(reader, out_side->generation, &row, &err) != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        return EXIT_WRONG;
    }
    snprintf(out_side->title, sizeof out_side->title, "generation %u", out_side->generation);
    enum err_code code = generation_read_texts(order->state_dir, json_text_or(row, "digest", ""),
                                               &out_side->texts, &err);
    json_decref(row);
    if (code == ERR_OK)
        return EXIT_FINE;
    fprintf(stderr, "watchroom: generation %u: %s\n", out_side->generation, err.text);
    return EXIT_BROKEN;
}

/* by meaning */

struct found {
    bool is_printed;
    json_t *lines;
};

static void
take_line(void *ctx, const char *text)
{
    struct found *found = ctx;

    if (found->is_printed)
        printf("%s\n", text);
    else
        json_array_append_new(found->lines, json_string(text));
}

static bool
are_same(const struct site_texts *a, const struct site_texts *b)
{
    const struct site_text *one, *other;
    size_t count = 0;

    for (one = a->first; one != NULL; one = one->next, count++) {
        other = texts_find(b, one->name);
        if (other == NULL || other->bytes != one->bytes ||
            memcmp(one->text, other->text, one->bytes) != 0)
            return false;
    }
    for (one = b->first; one != NULL; one = one->next)
        count--;
    return count == 0;
}

static int
print_meaning(const struct config_order *order, const struct config_side *a,
              const struct config_side *b)
{
    struct found found = {.is_printed = !order->common.json, .lines = json_array()};
    bool is_same = are_same(&a->texts, &b->texts);
    size_t count = texts_compare(&a->texts, &b->texts, take_line, &found);
    int status = is_same ? EXIT_FINE : EXIT_WRONG;

    if (order->common.json) {
        json_t *object = json_pack("{s:s, s:s, s:b, s:O}", "from", a->title, "to", b->title, "same",
                                   is_same, "changes", found.lines);

        if (object == NULL || common_print_json(object) != EXIT_FINE)
            status = EXIT_BROKEN;
        json_decref(object);
    } else if (is_same) {
        printf("%s and %s are the same\n", a->title, b->title);
    } else if (count == 0) {
        puts("only comments, layout or order differ; --text shows how");
    }
    json_decref(found.lines);
    return status;
}

/* line by line */

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static enum err_code
write_side(const char *folder, const char *letter, const struct site_texts *texts, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = ERR_OK;

    snprintf(path, sizeof path, "%s/%s", folder, letter);
    if (mkdir(path, 0700) != 0)
        return err_set(err, ERR_IO, "%s: cannot be made", path);
    for (const struct site_text *one = texts->first; one != NULL && code == ERR_OK;
         one = one->next) {
        if (snprintf(path, sizeof path, "%s/%s/%s", folder, letter, one->name) >= (int)sizeof path)
            return err_set(err, ERR_RANGE, "%s: path too long", one->name);
        char *slash = strrchr(path, '/');

        *slash = '\0';
        code = make_directory(path, err);
        *slash = '/';
        if (code == ERR_OK)
            code = file_write(path, 0600, one->text, one->bytes, err);
    }
    return code;
}

/* Its exit status, 0 or 1; anything else: it could not run. */
static int
run_diff(const char *folder, struct err *err)
{
    static const char *const ARGUMENTS[] = {"diff", "-u", "-r", "-N", "a", "b", NULL};
    char program[BESIDE_PATH_MAX];
    posix_spawn_file_actions_t actions;
    int status = -1;
    pid_t pid;

    if (beside_system_program("diff", "diffutils", program, err) != ERR_OK)
        return -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    fflush(stdout);
    if (posix_spawn(&pid, program, &actions, NULL, (char **)(uintptr_t)ARGUMENTS, environ) == 0)
        while (waitpid(pid, &status, 0) < 0)
            ;
    posix_spawn_file_actions_destroy(&actions);
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
        return WEXITSTATUS(status);
    err_set(err, ERR_IO, "diff could not compare them");
    return -1;
}

static int
print_text(const struct config_side *a, const struct config_side *b)
{
    const char *place = getenv("TMPDIR");
    char folder[PATH_MAX];
    struct err err = {0};
    int found = -1;

    snprintf(folder, sizeof folder, "%s/watchroom-diff-XXXXXX", place != NULL ? place : "/tmp");
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "watchroom: %s: cannot be made\n", folder);
        return EXIT_BROKEN;
    }
    if (write_side(folder, "a", &a->texts, &err) == ERR_OK &&
        write_side(folder, "b", &b->texts, &err) == ERR_OK) {
        printf("a: %s\nb: %s\n", a->title, b->title);
        found = run_diff(folder, &err);
    }
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (found < 0)
        fprintf(stderr, "watchroom: %s\n", err.text);
    return found < 0 ? EXIT_BROKEN : found == 0 ? EXIT_FINE : EXIT_WRONG;
}

int
config_diff(const struct config_order *order)
{
    struct generation_reader reader;
    struct config_side a = {0}, b = {0};
    struct err err;
    int status;

    if (generation_reader_open(&reader, order->state_dir, &err) != ERR_OK) {
        fprintf(stderr, "watchroom: %s\n", err.text);
        return EXIT_BROKEN;
    }
    status =
        config_side_read(order, &reader, order->word_count > 0 ? order->words[0] : "running", &a);
    if (status == EXIT_FINE)
        status =
            config_side_read(order, &reader, order->word_count > 1 ? order->words[1] : "file", &b);
    if (status == EXIT_FINE)
        status = order->text ? print_text(&a, &b) : print_meaning(order, &a, &b);
    else if (status == EXIT_WRONG)
        status = EXIT_BROKEN; /* 1 says that they differ */
    texts_done(&a.texts);
    texts_done(&b.texts);
    generation_reader_close(&reader);
    return status;
}
