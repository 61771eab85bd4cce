/*
 * contract_words.c - every word of each list that goes out, and the reading of orders:
 *
 *     "<verb> <payload>" on stdin -> "taken", or why not
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarm_step.h"
#include "alerts/orders.h"
#include "gateway/base/clock.h"
#include "gateway/base/msg.h"
#include "tests/integration/contract_rows.h"

#define LIST(key, count, name)                                                                     \
    do {                                                                                           \
        json_t *list = json_array();                                                               \
                                                                                                   \
        for (unsigned i = 0; i < (unsigned)(count); i++)                                           \
            json_array_append_new(list, json_string(name));                                        \
        json_object_set_new(names, key, list);                                                     \
    } while (0)

void
contract_names(void)
{
    json_t *names = json_object();

    LIST("audience", AUDIENCE_COUNT, audience_name((enum audience)i));
    LIST("class", CLASS_COUNT, alarm_class_name((enum alarm_class)i));
    LIST("cond", COND_COUNT, alarm_cond_name((enum alarm_cond)i));
    LIST("ack", ACK_COUNT, alarm_ack_name((enum alarm_ack)i));
    LIST("change", OUTPUT_COUNT, alarm_output_name((enum alarm_output)i));
    LIST("rule", RULE_KIND_COUNT, rule_kind_name((enum rule_kind)i));
    LIST("severity", 4, alarm_severity_name(i + 1));
    LIST("quality", QUALITY_COUNT, quality_name((enum quality)i));
    LIST("cause", CAUSE_COUNT, cause_name((enum cause)i));
    LIST("role", ROLE_COUNT, role_name((enum role)i));
    LIST("outcome", OUTCOME_COUNT, outcome_name((enum outcome_code)i));
    LIST("verb", ORDER_COUNT, order_name((enum order)i));
    LIST("health", HEALTH_COUNT, health_name((enum health)i));
    LIST("worker_change", WORKER_CHANGE_COUNT, worker_change_name((enum worker_change)i));
    LIST("clock", CLOCK_STATE_UNSYNC + 1, clock_state_name((enum clock_state)i));
    char *text = json_canonical(names);
    insist(text != NULL, "no memory");
    say("names", text);
    free(text);
    json_decref(names);
}

void
contract_judge(void)
{
    static struct order_request request;
    char *line = NULL, reason[200];
    enum order order;
    size_t room = 0;
    ssize_t length;

    while ((length = getline(&line, &room, stdin)) > 0) {
        char *payload = strchr(line, ' ');

        insist(payload != NULL, "a line is a verb and a payload");
        *payload++ = '\0';
        payload[strcspn(payload, "\n")] = '\0';
        insist(order_of(line, &order), "there is no such verb");
        puts(request_parse_command(order, payload, strlen(payload), &request, reason, sizeof reason)
                 ? "taken"
                 : reason);
    }
    free(line);
}
