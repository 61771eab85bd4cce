/*
 * frame_modbus.h - one Modbus/TCP request as bytes, and what the bytes received in return are.
 *
 * Pure functions over bytes: no socket, no clock, no memory of their own. Only reading exists here:
 * the builder refuses every function that could change a device.
 */
#ifndef WATCHROOM_COLLECTORS_FRAME_MODBUS_H
#define WATCHROOM_COLLECTORS_FRAME_MODBUS_H

#include "gateway/base/base.h"

#define FRAME_MODBUS_MAX 260        /* MBAP header and the largest PDU */
#define FRAME_MODBUS_REQUEST_MAX 12 /* of the functions we send */
#define FRAME_MODBUS_WORDS_MAX 125
#define FRAME_MODBUS_BITS_MAX 2000

enum {
    FRAME_MODBUS_READ_COILS = 1,
    FRAME_MODBUS_READ_INPUTS = 2,
    FRAME_MODBUS_READ_HOLDING = 3,
    FRAME_MODBUS_READ_INPUT_WORDS = 4,
    FRAME_MODBUS_REPORT_ID = 17,
    FRAME_MODBUS_IDENTIFY = 43, /* MEI type 14; `address` is read code * 256 + first object */
};

struct frame_modbus_request {
    uint16_t tid;
    uint8_t unit;
    uint8_t function;
    uint16_t address;
    uint16_t count; /* words, or bits for functions 1 and 2; unused for 17 and 43 */
};

struct frame_modbus_answer {
    const uint8_t *data; /* values (1-4, 17: behind the byte count; 43: behind the MEI type) */
    size_t data_bytes;
    uint8_t exception; /* FRAME_EXCEPTION: its code */
    const char *fault; /* FRAME_BROKEN: what is wrong, for people; borrowed for ever */
};

enum frame_state {
    FRAME_MORE,      /* sound so far, not yet whole */
    FRAME_WHOLE,     /* the answer to the request */
    FRAME_EXCEPTION, /* the device refused the request; the frame itself is sound */
    FRAME_BROKEN,    /* nothing that comes behind can be trusted: close */
};

/* Functions 1-4, 17 and 43, and counts and addresses within the protocol; nothing else. */
bool frame_modbus_is_allowed(const struct frame_modbus_request *request);

/* Returns the length, or 0 when the request is not allowed; then nothing was written. */
size_t frame_modbus_build(const struct frame_modbus_request *request,
                          uint8_t out_bytes[FRAME_MODBUS_REQUEST_MAX]);

/*
 * `bytes` is everything received since the request. A mismatch is told at the first byte that
 * shows it; bytes behind a whole frame are one, too, as only one request is ever under way.
 * `out_answer` points into `bytes`.
 */
enum frame_state frame_modbus_check(const struct frame_modbus_request *request,
                                    const uint8_t *bytes, size_t length,
                                    struct frame_modbus_answer *out_answer);

#endif
