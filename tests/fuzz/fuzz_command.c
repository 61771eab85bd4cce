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
    struct command_request request;
    char reason[200] = "";

    if (length < 1)
        return 0;
    enum command_verb verb = (input[0] & 1) != 0 ? COMMAND_GET : COMMAND_ACK;
    bool is_sound = request_parse_command(verb, (const char *)input + 1, length - 1, &request,
                                          reason, sizeof reason);
    insist(request.cid[0] == '\0' || ulid_is_valid(request.cid));
    insist(is_sound || reason[0] != '\0');
    insist(is_sound || text_is_clean_utf8(reason, strlen(reason)));
    if (!is_sound)
        return 0;
    insist(length - 1 <= REQUEST_COMMAND_BYTES_MAX && request.expires_utc_ms >= 0);
    if (verb == COMMAND_ACK) {
        insist(text_is_path(request.ack.id));
        insist(text_is_clean_utf8(request.ack.note, strlen(request.ack.note)));
        insist(request.ack.occ_from <= request.ack.occ_to);
    }
    return 0;
}
