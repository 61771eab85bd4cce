/*
 * notify_properties.c - what MQTT 5 says beside a payload; docs/topics.md lists it.
 */
#include <stdio.h>
#include <string.h>

#include "alerts/alarm_def.h"
#include "alerts/notify_self.h"

#define UTF8 1 /* payload format indicator */

static MQTTLenString
len_string(const void *bytes, size_t length)
{
    return (MQTTLenString){(int)length, (char *)(uintptr_t)bytes};
}

static void
add_bytes(MQTTProperties *properties, enum MQTTPropertyCodes code, const void *bytes, size_t length)
{
    MQTTProperty property = {.identifier = code};

    property.value.data = len_string(bytes, length);
    MQTTProperties_add(properties, &property);
}

static void
add_user(MQTTProperties *properties, const char *name, const char *value)
{
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};

    property.value.data = len_string(name, strlen(name));
    property.value.value = len_string(value, strlen(value));
    MQTTProperties_add(properties, &property);
}

void
notify_properties_add(MQTTProperties *properties, const struct notify_publish *publish)
{
    static const char TYPE[] = "application/json";
    char digits[24];

    if (publish->payload_bytes > 0) {
        MQTTProperty format = {.identifier = MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR};

        format.value.byte = UTF8;
        MQTTProperties_add(properties, &format);
        add_bytes(properties, MQTTPROPERTY_CODE_CONTENT_TYPE, TYPE, sizeof TYPE - 1);
    }
    if (publish->expires_s > 0) {
        MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL};

        expiry.value.integer4 = publish->expires_s;
        MQTTProperties_add(properties, &expiry);
    }
    if (publish->correlation != NULL && publish->correlation_bytes > 0)
        add_bytes(properties, MQTTPROPERTY_CODE_CORRELATION_DATA, publish->correlation,
                  publish->correlation_bytes);
    if (publish->response_topic != NULL)
        add_bytes(properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, publish->response_topic,
                  strlen(publish->response_topic));
    add_user(properties, "mode", ALARM_MODE);
    if (publish->seq != 0 && publish->jid != NULL) {
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)publish->seq);
        add_user(properties, "jid", publish->jid);
        add_user(properties, "seq", digits);
    }
}
