/*
 * roles.c - who may order what.
 */
#include "alerts/roles.h"

#include <assert.h>
#include <string.h>

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

static const char *const ROLES[] = {"viewer",     "operator",   "supervisor",
                                    "maintainer", "continuity", "admin"};
static_assert(ARRAY_LEN(ROLES) == ROLE_COUNT, "a role has no name");

static const char *const NAMES[] = {
#define ORDER_NAME(symbol, name) name,
    ORDERS(ORDER_NAME)
#undef ORDER_NAME
};

#define R(role) (1u << ROLE_##role)
#define EVERYBODY ((1u << ROLE_COUNT) - 1)
#define ON_SHIFT (R(OPERATOR) | R(SUPERVISOR))

/* Who may, at all; then for whom it is only about his own assets and with a second person. */
static const struct {
    unsigned roles, own_with_second;
    int64_t longest_ms, longest_own_ms;
} RIGHTS[ORDER_COUNT] = {
    [ORDER_ACK] = {ON_SHIFT, 0, 0, 0},
    [ORDER_ACK_GROUP] = {ON_SHIFT, 0, 0, 0},
    [ORDER_COMMENT] = {ON_SHIFT | R(MAINTAINER) | R(CONTINUITY), 0, 0, 0},
    [ORDER_SHELVE] = {ON_SHIFT, 0, 0, 0}, /* how long: by priority, below */
    [ORDER_UNSHELVE] = {ON_SHIFT, 0, 0, 0},
    [ORDER_RESET] = {R(SUPERVISOR), R(MAINTAINER), 0, 0},
    [ORDER_OOS] = {R(SUPERVISOR), R(MAINTAINER), 8 * HOUR, 7 * DAY},
    [ORDER_IN_SERVICE] = {R(SUPERVISOR), R(MAINTAINER), 0, 0},
    [ORDER_TEST_BEGIN] = {R(SUPERVISOR), R(MAINTAINER), 8 * HOUR, 8 * HOUR},
    [ORDER_TEST_END] = {R(SUPERVISOR), R(MAINTAINER), 0, 0},
    [ORDER_GET] = {EVERYBODY, 0, 0, 0},
};

/* The longest shelf by priority, and who may; P1 never. */
static const struct {
    unsigned roles;
    int64_t longest_ms;
} SHELVES[5] = {
    [2] = {R(SUPERVISOR), 2 * HOUR},
    [3] = {ON_SHIFT, 8 * HOUR},
    [4] = {ON_SHIFT, 24 * HOUR},
};

const char *
role_name(enum role role)
{
    return (unsigned)role < ROLE_COUNT ? ROLES[role] : "viewer";
}

const char *
order_name(enum order order)
{
    return (unsigned)order < ORDER_COUNT ? NAMES[order] : "?";
}

bool
order_of(const char *name, enum order *out_order)
{
    for (unsigned i = 0; i < ORDER_COUNT; i++)
        if (strcmp(name, NAMES[i]) == 0) {
            *out_order = (enum order)i;
            return true;
        }
    return false;
}

static struct permission
permit_shelf(unsigned bit, const struct order_object *object)
{
    unsigned priority = object->priority < ARRAY_LEN(SHELVES) ? object->priority : 0;

    if (object->managed || !object->shelvable || SHELVES[priority].roles == 0)
        return (struct permission){.is_unshelvable = true};
    return (struct permission){.is_allowed = (SHELVES[priority].roles & bit) != 0,
                               .longest_ms = SHELVES[priority].longest_ms};
}

struct permission
roles_permit(enum role role, enum order order, const struct order_object *object)
{
    unsigned bit = (unsigned)role < ROLE_COUNT ? 1u << role : 0;

    if ((unsigned)order >= ORDER_COUNT)
        return (struct permission){0};
    /* The role first: who may not shelve anything hears that, whatever the alarm. */
    if (order == ORDER_SHELVE && (RIGHTS[order].roles & bit) != 0)
        return permit_shelf(bit, object);
    if ((RIGHTS[order].roles & bit) != 0)
        return (struct permission){.is_allowed = true,
                                   .needs_second = order == ORDER_OOS &&
                                                   (object->priority == 1 || object->managed),
                                   .longest_ms = RIGHTS[order].longest_ms};
    if ((RIGHTS[order].own_with_second & bit) != 0 && object->is_own)
        /* What puts a protection back needs no second person. */
        return (struct permission){.is_allowed = true,
                                   .needs_second =
                                       order != ORDER_IN_SERVICE && order != ORDER_TEST_END,
                                   .longest_ms = RIGHTS[order].longest_own_ms};
    return (struct permission){0};
}

bool
roles_may_second(enum role role)
{
    return role == ROLE_OPERATOR || role == ROLE_SUPERVISOR || role == ROLE_MAINTAINER;
}
