/*
 * slave.c - a Modbus device without a socket.
 */
#include "tests/sim/slave.h"

#include <string.h>

#include "tests/sim/registers.h"

#define BITS_MAX 2000
#define WORDS_MAX 125

enum { ILLEGAL_FUNCTION = 1, ILLEGAL_ADDRESS = 2, ILLEGAL_VALUE = 3 };

static size_t
say_exception(struct sim_device *device, uint8_t function, uint32_t exception, uint8_t *out_answer)
{
    device->counters.faults++;
    out_answer[0] = function | 0x80;
    out_answer[1] = (uint8_t)exception;
    return 2;
}

static size_t
say_bits(uint8_t function, const uint16_t *bits, uint32_t count, uint8_t *out_answer)
{
    size_t bytes = (count + 7) / 8;

    out_answer[0] = function;
    out_answer[1] = (uint8_t)bytes;
    memset(out_answer + 2, 0, bytes);
    for (uint32_t i = 0; i < count; i++)
        if (bits[i] != 0)
            out_answer[2 + i / 8] |= (uint8_t)(1u << (i % 8));
    return 2 + bytes;
}

static size_t
say_words(uint8_t function, const uint16_t *words, uint32_t count, uint8_t *out_answer)
{
    out_answer[0] = function;
    out_answer[1] = (uint8_t)(2 * count);
    for (uint32_t i = 0; i < count; i++) {
        out_answer[2 + 2 * i] = (uint8_t)(words[i] >> 8);
        out_answer[3 + 2 * i] = (uint8_t)words[i];
    }
    return 2 + 2 * (size_t)count;
}

static bool
is_write(uint8_t function)
{
    return function == 5 || function == 6 || function == 15 || function == 16 || function == 21 ||
           function == 22 || function == 23;
}

size_t
slave_answer(struct sim_device *device, const uint8_t *request, size_t length, double now_s,
             uint8_t out_answer[SLAVE_PDU_MAX])
{
    uint16_t words[BITS_MAX];
    uint8_t function = request[0];
    const struct behaviour *behaviour = &device->behaviour;

    device->counters.requests++;
    if (is_write(function))
        device->counters.writes++;
    if (behaviour->kind == BEHAVE_EXCEPTION)
        return say_exception(device, function, behaviour->arg, out_answer);
    if (function < 1 || function > 4)
        return say_exception(device, function, ILLEGAL_FUNCTION, out_answer);
    if (length != 5)
        return say_exception(device, function, ILLEGAL_VALUE, out_answer);

    uint32_t first = (uint32_t)(request[1] << 8 | request[2]);
    uint32_t count = (uint32_t)(request[3] << 8 | request[4]);
    if (count == 0 || count > (function <= 2 ? BITS_MAX : WORDS_MAX) ||
        (behaviour->kind == BEHAVE_TOOBIG && count > behaviour->arg))
        return say_exception(device, function, ILLEGAL_VALUE, out_answer);
    if (!registers_read(device, function, first, count, now_s, words))
        return say_exception(device, function, ILLEGAL_ADDRESS, out_answer);
    return function <= 2 ? say_bits(function, words, count, out_answer)
                         : say_words(function, words, count, out_answer);
}
