/*
 * fuzz_command.c - whatever a broker hands on as a command is a checked one or a reason.
 *
 * Input: one byte for the verb, then the payload.
 */
#include <stdlib.h>
#include <string.h>

#include "alerts/requests.h"
#include "gateway/base/digest.h"
#include "gateway/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void
insist(bool holds)
{
    if (!holds)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    static struct order_request request;
    char reason[200] = "";

    if (length < 1)
        return 0;
    enum order order = (enum order)(input[0] % ORDER_COUNT);
    bool is_sound = request_parse_command(order, (const char *)input + 1, length - 1, &request,
                                          reason, sizeof reason);
    insist(request.cid[0] == '\0' || ulid_is_valid(request.cid));
    insist(is_sound || reason[0] != '\0');
    insist(is_sound || text_is_clean_utf8(reason, strlen(reason)));
    if (!is_sound)
        return 0;
    insist(length - 1 <= REQUEST_COMMAND_BYTES_MAX && request.expires_utc_ms >= 0);
    insist(order == ORDER_GET || order == ORDER_ACK_GROUP || text_is_path(request.alarm.id));
    insist(order != ORDER_ACK || request.alarm.occ_from > 0);
    insist(request.alarm.occ_from <= request.alarm.occ_to);
    insist(text_is_clean_utf8(request.note, strlen(request.note)));
    insist(request.second[0] == '\0' || text_is_id(request.second));
    insist(request.duration_ms >= 0 && request.from_utc_ms >= 0 && request.to_utc_ms >= 0);
    insist(request.group_count <= REQUEST_GROUP_MAX);
    for (uint32_t i = 0; i < request.group_count; i++)
        insist(text_is_path(request.group[i].id) &&
               request.group[i].occ_from <= request.group[i].occ_to);
    return 0;
}
