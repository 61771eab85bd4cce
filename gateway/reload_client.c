/*
 * reload_client.c - asking the gateway to read its configuration again, and what became of it.
 */
#include "gateway/reload_client.h"

#include <time.h>

#include "gateway/base/clock.h"
#include "gateway/base/digest.h"
#include "gateway/base/err.h"
#include "gateway/control_client.h"

#define VERDICT_MS 120000 /* reading a large site, and a worker that is slow to end */
#define ASK_AGAIN_MS 50

int
reload_may(const struct common_options *common)
{
    json_t *reply = NULL;
    int status =
        common_call(common, json_pack("{s:s, s:b}", "verb", "reload", "dry", true), &reply);

    json_decref(reply);
    return status;
}

int
reload_await(const struct common_options *common, uint32_t reverted, json_t **out_verdict)
{
    const struct timespec pause = {.tv_nsec = ASK_AGAIN_MS * 1000000L};
    int64_t until_ms = clock_now().mono_ms + VERDICT_MS;
    json_t *ask = NULL, *reply = NULL;
    char request[27];
    struct err err;

    ulid_make(clock_now().utc_ms, request);
    ask = json_pack("{s:s, s:s}", "verb", "reload", "request", request);
    if (ask != NULL && reverted != 0)
        json_object_set_new(ask, "reverted", json_integer(reverted));
    int status = common_call(common, ask, &reply);
    json_decref(reply);
    if (status != EXIT_FINE)
        return status;
    ask = json_pack("{s:s, s:s}", "verb", "verdict", "request", request);
    while (clock_now().mono_ms < until_ms) {
        json_t *verdict = NULL;

        reply = NULL;
        /* Who answers may be ending and starting again just now: for this very configuration. */
        if (control_call(common->socket, ask, &reply, &err) == ERR_OK)
            verdict = json_incref(json_object_get(reply, "verdict"));
        json_decref(reply);
        if (json_is_object(verdict)) {
            json_decref(ask);
            *out_verdict = verdict;
            return EXIT_FINE;
        }
        json_decref(verdict);
        nanosleep(&pause, NULL);
    }
    json_decref(ask);
    fprintf(stderr, "watchroom: asked, but the gateway has not said what became of it: see "
                    "watchroom log --kind generation\n");
    return EXIT_BROKEN;
}

static void
print_names(const char *title, const json_t *names)
{
    json_t *name;
    size_t i;

    printf("%s", title);
    json_array_foreach(names, i, name) printf("%s%s", i > 0 ? ", " : " ", json_string_value(name));
    if (json_array_size(names) == 0)
        printf(" none");
    putchar('\n');
}

static void
print_words(const json_t *verdict)
{
    const json_t *list;
    json_t *item;
    size_t i;
    long long generation = (long long)json_int_or(verdict, "generation", 0);

    if (!json_is_true(json_object_get(verdict, "accepted"))) {
        list = json_object_get(verdict, "faults");
        json_array_foreach(list, i, item) fprintf(stderr, "%s\n", json_string_value(item));
        if ((size_t)json_int_or(verdict, "errors", 0) > json_array_size(list))
            fprintf(stderr, "... %lld errors in all; watchroom check shows them\n",
                    (long long)json_int_or(verdict, "errors", 0));
        fprintf(stderr, "refused; generation %lld goes on\n", generation);
        return;
    }
    if (json_is_true(json_object_get(verdict, "unchanged")))
        printf("accepted: generation %lld, as it was\n", generation);
    else
        printf("accepted: generation %lld\n", generation);
    list = json_object_get(verdict, "changes");
    json_array_foreach(list, i, item) printf("  %s\n", json_string_value(item));
    if (json_int_or(verdict, "changes_omitted", 0) > 0)
        printf("  ... and %lld more\n", (long long)json_int_or(verdict, "changes_omitted", 0));
    print_names("workers that restart:", json_object_get(verdict, "restarts"));
}

int
reload_print(const struct common_options *common, const json_t *verdict)
{
    int status = json_is_true(json_object_get(verdict, "accepted")) ? EXIT_FINE : EXIT_WRONG;

    if (!common->json)
        print_words(verdict);
    else if (common_print_json(verdict) != EXIT_FINE)
        status = EXIT_BROKEN;
    return status;
}
