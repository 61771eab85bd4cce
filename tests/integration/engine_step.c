/*
 * engine_step.c - drives alarm_step by lines, as the reference model of the alarm life cycle is
 * driven.
 *
 *     engine-step FLAGS    FLAGS: comma-separated of latch, on_delay, off_delay, ack_required,
 *                          shelvable; '-' for none
 *
 * One event a line in, one JSON object a line out: the regions, the ISA letter, the outputs in
 * their order and the reply.
 */
#include <stdio.h>
#include <string.h>

#include "alerts/alarm_step.h"

static bool
set_flag(struct alarm_traits *traits, const char *name)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"latch", &traits->latch},         {"on_delay", &traits->on_delay},
        {"off_delay", &traits->off_delay}, {"ack_required", &traits->ack_required},
        {"shelvable", &traits->shelvable},
    };

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(flags[i].name, name) == 0)
            return *flags[i].flag = true;
    return false;
}

static bool
set_flags(struct alarm_traits *traits, char *names)
{
    char *rest = names;

    if (strcmp(names, "-") == 0)
        return true;
    for (char *name; (name = strsep(&rest, ",")) != NULL;)
        if (!set_flag(traits, name)) {
            fprintf(stderr, "engine-step: no such flag: '%s'\n", name);
            return false;
        }
    return true;
}

static void
print_flag(const char *name, bool value)
{
    printf(", \"%s\": %s", name, value ? "true" : "false");
}

static void
print_step(const struct alarm_regions *r, uint32_t outputs, enum alarm_reply reply)
{
    const char *separator = "";

    printf("{\"cond\": \"%s\", \"ack\": \"%s\"", alarm_cond_name((enum alarm_cond)r->cond),
           alarm_ack_name((enum alarm_ack)r->ack));
    print_flag("inp", r->inp);
    print_flag("shelved", r->shelved);
    print_flag("design", r->design);
    print_flag("oos", r->oos);
    print_flag("test", r->test);
    print_flag("good", r->good);
    print_flag("annunciated", r->annunciated);
    printf(", \"isa\": \"%c\", \"out\": [", alarm_isa_letter(r));
    for (unsigned i = 0; i < OUTPUT_COUNT; i++)
        if ((outputs & (1u << i)) != 0) {
            printf("%s\"%s\"", separator, alarm_output_name((enum alarm_output)i));
            separator = ", ";
        }
    printf("], \"reply\": \"%s\"}\n", alarm_reply_name(reply));
}

int
main(int argc, char **argv)
{
    struct alarm_traits traits = {0};
    struct alarm_regions regions;
    char line[64];

    if (argc != 2 || !set_flags(&traits, argv[1])) {
        fprintf(stderr, "usage: engine-step FLAGS\n");
        return 2;
    }
    alarm_regions_init(&regions);
    while (fgets(line, sizeof line, stdin) != NULL) {
        enum alarm_event event;
        enum alarm_reply reply;

        line[strcspn(line, "\r\n")] = '\0';
        if (!alarm_event_of(line, &event)) {
            fprintf(stderr, "engine-step: no such event: '%s'\n", line);
            return 1;
        }
        uint32_t outputs = alarm_step(&regions, &traits, event, &reply);
        print_step(&regions, outputs, reply);
    }
    return 0;
}
