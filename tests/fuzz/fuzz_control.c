/*
 * fuzz_control.c - whatever comes over the control socket is a checked request or a reason.
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
    static struct control_request request;
    char reason[200] = "";

    if (length > REQUEST_LINE_BYTES_MAX)
        return 0;
    if (!request_parse_control((const char *)input, length, &request, reason, sizeof reason)) {
        insist(reason[0] != '\0');
        insist(text_is_clean_utf8(reason, strlen(reason)));
        return 0;
    }
    insist(request.verb < CONTROL_VERB_COUNT);
    insist(request.device[0] == '\0' || text_is_id(request.device));
    insist(request.request[0] == '\0' || ulid_is_valid(request.request));
    insist(request.request[0] != '\0' || request.verb != CONTROL_VERDICT);
    if (request.verb != CONTROL_ORDER)
        return 0;
    const struct order_request *order = &request.order;
    insist(order->order < ORDER_COUNT);
    insist(order->alarm.id[0] == '\0' || text_is_path(order->alarm.id));
    insist(text_is_clean_utf8(order->note, strlen(order->note)));
    insist(order->alarm.occ_from <= order->alarm.occ_to);
    return 0;
}
