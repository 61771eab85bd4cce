/*
 * roles.h - who may order what: the table of roles, verbs and priorities.
 *
 * Pure. Duties are separated (ISA-18.2 clause 6, ISO/IEC 27002 5.3): who configures does not
 * acknowledge, who looks on does nothing, and nobody alone takes a critical alarm out of service.
 */
#ifndef WATCHROOM_ALERTS_ROLES_H
#define WATCHROOM_ALERTS_ROLES_H

#include "alerts/alarms.h"

/* X(symbol, "verb") */
#define ORDERS(X)                                                                                  \
    X(ACK, "ack")                                                                                  \
    X(ACK_GROUP, "ack-group")                                                                      \
    X(COMMENT, "comment")                                                                          \
    X(SHELVE, "shelve")                                                                            \
    X(UNSHELVE, "unshelve")                                                                        \
    X(RESET, "reset")                                                                              \
    X(OOS, "oos")                                                                                  \
    X(IN_SERVICE, "in-service")                                                                    \
    X(TEST_BEGIN, "test-begin")                                                                    \
    X(TEST_END, "test-end")                                                                        \
    X(GET, "get")
enum order {
#define ORDER_ENUM(symbol, name) ORDER_##symbol,
    ORDERS(ORDER_ENUM)
#undef ORDER_ENUM
        ORDER_COUNT
};

const char *order_name(enum order order);
/* False: there is no such verb. */
bool order_of(const char *name, enum order *out_order);

/* What an order is about, as far as it matters for who may give it. */
struct order_object {
    uint8_t priority; /* 1..4 */
    bool managed;     /* alarm_def.h */
    bool shelvable;   /* the alarm's definition allows it */
    bool is_own;      /* an asset of the one who orders */
};

struct permission {
    bool is_allowed;
    bool needs_second;   /* and another person's word */
    bool is_unshelvable; /* refused not for the role: nobody may shelve it */
    int64_t longest_ms;  /* of what has an end; 0: it has none */
};

struct permission roles_permit(enum role role, enum order order, const struct order_object *object);

/* May this role be the second person? */
bool roles_may_second(enum role role);

#endif
