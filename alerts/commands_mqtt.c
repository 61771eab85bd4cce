/*
 * commands_mqtt.c - orders from the broker to alarms, outcomes back.
 *
 * Who orders is the topic's level, which the broker binds to an identity. Nothing is judged here:
 * also a retained command, or one that is too long, goes to alarms to be refused and recorded.
 */
#include <stdio.h>
#include <string.h>

#include "alerts/courier_self.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define OUTCOME_EXPIRES_S 30
#define DROP_TOLD_MS 60000 /* at most so often */

void
commands_mqtt_subscribe(struct courier *courier)
{
    char filter[TOPIC_MAX];

    snprintf(filter, sizeof filter, "%s/cmd/+/+", courier->prefix);
    notify_subscribe(courier->notify, filter, 1, NOTIFY_RETAINED_ASKED);
}

/* "<prefix>/cmd/<user>/<verb>" */
static bool
split_command(const struct courier *courier, const char *topic, struct msg_command *command)
{
    char user[TOPIC_ID_MAX];
    size_t prefix = strlen(courier->prefix);

    if (strncmp(topic, courier->prefix, prefix) != 0 || strncmp(topic + prefix, "/cmd/", 5) != 0 ||
        !text_copy(user, sizeof user, topic + prefix + 5))
        return false;
    char *slash = strchr(user, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return text_copy(command->user, sizeof command->user, user) &&
           text_copy(command->verb, sizeof command->verb, slash + 1);
}

bool
commands_mqtt_take(struct courier *courier, const struct notify_message *message)
{
    struct msg_command command;

    memset(&command, 0, sizeof command);
    if (!split_command(courier, message->topic, &command))
        return false;
    if (message->response_topic != NULL &&
        !text_copy(command.response_topic, sizeof command.response_topic, message->response_topic))
        command.response_topic[0] = '\0';
    if (message->correlation_bytes <= sizeof command.correlation) {
        command.correlation_bytes = (uint32_t)message->correlation_bytes;
        if (message->correlation_bytes > 0)
            memcpy(command.correlation, message->correlation, message->correlation_bytes);
    }
    command.retained = message->retained;
    /* What was too long to be a command came empty: its refusal is on record all the same. */
    command.payload_bytes = (uint32_t)message->payload_bytes;
    if (link_send_blob(courier->alarms, MSG_COMMAND, &command, sizeof command, message->payload,
                       message->payload_bytes))
        return true;
    int64_t now_ms = clock_now().mono_ms;
    if (courier->command_dropped_ms != 0 && now_ms - courier->command_dropped_ms < DROP_TOLD_MS)
        return true;
    courier->command_dropped_ms = now_ms;
    log_warning("alarms lags: a command of %s is dropped, as may be more; no answer is sent",
                command.user);
    return true;
}

void
commands_mqtt_answer(struct courier *courier, const struct msg_command *command, const char *text,
                     size_t bytes)
{
    char expected[TOPIC_MAX];

    /* Alarms has checked it; a wrong one would be a way to publish under our name. */
    snprintf(expected, sizeof expected, "%s/rsp/%.*s/", courier->prefix, ID_MAX - 1, command->user);
    if (strncmp(command->response_topic, expected, strlen(expected)) != 0 ||
        strpbrk(command->response_topic, "+#") != NULL)
        return;
    notify_send(courier->notify,
                &(struct notify_publish){.topic = command->response_topic,
                                         .payload = text,
                                         .payload_bytes = bytes,
                                         .qos = 1,
                                         .expires_s = OUTCOME_EXPIRES_S,
                                         .correlation = command->correlation,
                                         .correlation_bytes = command->correlation_bytes,
                                         .token = NO_TOKEN});
}
