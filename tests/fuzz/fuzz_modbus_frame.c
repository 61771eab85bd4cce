/*
 * fuzz_modbus_frame.c - whatever a device sends, its frame is judged alike in one piece or in many,
 * and what is taken for an answer is decoded without reading past its end.
 *
 * Input: tid (2), unit, function, address (2), count (2), then the bytes received.
 */
#include <stdlib.h>
#include <string.h>

#include "collectors/decode_regs.h"
#include "collectors/frame_modbus.h"

#define HEAD 8

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static void
insist(bool holds)
{
    if (!holds)
        abort();
}

static void
decode_all(const struct frame_modbus_request *request, const struct frame_modbus_answer *answer)
{
    struct raw_value value;
    char text[TEXT_VALUE_MAX];

    for (size_t offset = 0; offset <= 2000; offset += offset < 4 ? 1 : 61)
        for (uint8_t order = 0; order < REG_ORDER_COUNT; order++) {
            for (uint8_t type = 0; type < REG_STRING; type++) {
                struct modbus_source source = {.function = request->function,
                                               .type = type,
                                               .order = order,
                                               .bit = (uint8_t)offset,
                                               .words = decode_regs_words(type)};

                (void)decode_regs_value(&source, answer->data, answer->data_bytes, offset, &value);
            }
            struct modbus_source source = {.function = request->function,
                                           .type = REG_STRING,
                                           .order = order,
                                           .words = request->count};
            if (decode_regs_text(&source, answer->data, answer->data_bytes, offset, text,
                                 sizeof text) == CAUSE_OK)
                insist(text[0] != '\0' && strlen(text) < sizeof text);
        }
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    if (length < HEAD)
        return 0;

    const struct frame_modbus_request request = {
        .tid = (uint16_t)(input[0] << 8 | input[1]),
        .unit = input[2],
        .function = input[3],
        .address = (uint16_t)(input[4] << 8 | input[5]),
        .count = (uint16_t)(input[6] << 8 | input[7]),
    };
    uint8_t bytes[FRAME_MODBUS_REQUEST_MAX];
    struct frame_modbus_answer answer;
    size_t received = length - HEAD > FRAME_MODBUS_MAX + 1 ? FRAME_MODBUS_MAX + 1 : length - HEAD;

    insist((frame_modbus_build(&request, bytes) > 0) == frame_modbus_is_allowed(&request));
    if (!frame_modbus_is_allowed(&request))
        return 0;

    /* A copy of just that size, for the sanitizer to see the end of. */
    uint8_t *copy = malloc(received + 1);

    insist(copy != NULL);
    enum frame_state before = FRAME_MORE;

    for (size_t n = 0; n <= received; n++) {
        uint8_t *exact = realloc(copy, n + 1);

        insist(exact != NULL);
        copy = exact;
        memcpy(copy, input + HEAD, n);

        enum frame_state state = frame_modbus_check(&request, copy, n, &answer);

        if (before != FRAME_MORE) /* broken stays broken; more behind an answer breaks it */
            insist(state == FRAME_BROKEN);
        insist((state == FRAME_BROKEN) == (answer.fault != NULL));
        if (state == FRAME_WHOLE) {
            insist(answer.data >= copy && answer.data + answer.data_bytes == copy + n);
            decode_all(&request, &answer);
        }
        before = state;
    }
    free(copy);
    return 0;
}
