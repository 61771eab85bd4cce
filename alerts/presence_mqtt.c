/*
 * presence_mqtt.c - who watches, from the broker to alarms. Nothing is judged here.
 */
#include <stdio.h>
#include <string.h>

#include "alerts/courier_self.h"
#include "gateway/base/text.h"

void
presence_mqtt_subscribe(struct courier *courier)
{
    char filter[TOPIC_MAX];

    snprintf(filter, sizeof filter, "%s/presence/+/+", courier->prefix);
    notify_subscribe(courier->notify, filter, 1, NOTIFY_RETAINED_NOW);
}

bool
presence_mqtt_take(struct courier *courier, const struct notify_message *message)
{
    struct msg_presence presence;
    size_t prefix = strlen(courier->prefix);
    const char *user = message->topic + prefix + sizeof "/presence/" - 1;
    const char *slash;

    if (strncmp(message->topic, courier->prefix, prefix) != 0 ||
        strncmp(message->topic + prefix, "/presence/", sizeof "/presence/" - 1) != 0)
        return false;
    slash = strchr(user, '/');
    memset(&presence, 0, sizeof presence);
    if (slash == NULL || (size_t)(slash - user) >= sizeof presence.user)
        return true;
    memcpy(presence.user, user, (size_t)(slash - user));
    /* No room: it is said again within a minute. */
    if (text_copy(presence.client, sizeof presence.client, slash + 1))
        (void)link_send_blob(courier->alarms, MSG_PRESENCE, &presence, sizeof presence,
                             message->payload, message->payload_bytes);
    return true;
}
