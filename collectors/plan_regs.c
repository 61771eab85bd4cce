/*
 * plan_regs.c - which requests read the Modbus points of one group.
 *
 * Sources are sorted by function and address, then taken into the open block as long as the limits
 * hold; for intervals this greedy way gives the fewest requests. Bits of one word and other equal
 * sources fall together by themselves: read once, decoded many times.
 */
#include "collectors/plan_regs.h"

#include <stdlib.h>

#include "collectors/frame_modbus.h"

#define MAX_WORDS_DEFAULT 120

struct limits {
    const struct modbus_limits *given;
    unsigned max, gap; /* words or bits of the function at hand */
};

/* Working copy of a source: [start, end) on the wire. */
struct span {
    uint32_t source;
    unsigned start, end;
    uint8_t function;
};

static bool
is_bits(uint8_t function)
{
    return function == FRAME_MODBUS_READ_COILS || function == FRAME_MODBUS_READ_INPUTS;
}

static struct limits
limits_of(const struct modbus_limits *given, uint8_t function)
{
    unsigned words = given->max_words == 0 ? MAX_WORDS_DEFAULT : given->max_words;
    struct limits limits = {.given = given, .max = words, .gap = given->max_gap};
    unsigned cap = FRAME_MODBUS_WORDS_MAX;

    if (is_bits(function)) {
        limits.max *= 16;
        limits.gap *= 16;
        cap = FRAME_MODBUS_BITS_MAX;
    }
    if (limits.max > cap)
        limits.max = cap;
    return limits;
}

static unsigned
length_of(const struct modbus_source *source)
{
    return is_bits(source->function) ? 1 : source->words;
}

static bool
crosses_border(const struct modbus_limits *given, unsigned start, unsigned end)
{
    for (unsigned i = 0; i < given->never_across_count; i++)
        if (start < given->never_across[i] && given->never_across[i] < end)
            return true;
    return false;
}

/* The first range that must be read by itself and has something of [start, end). */
static const struct address_range *
alone_range(const struct modbus_limits *given, unsigned start, unsigned end)
{
    for (unsigned i = 0; i < given->alone_count; i++)
        if (start <= given->alone[i].last && given->alone[i].first < end)
            return &given->alone[i];
    return NULL;
}

static int
by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    if (x->function != y->function)
        return x->function < y->function ? -1 : 1;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1;
    return x->source < y->source ? -1 : x->source > y->source;
}

/* The block a span would have if it were alone. */
static void
begin_block(const struct limits *limits, const struct span *span, unsigned *out_start,
            unsigned *out_end)
{
    const struct address_range *range = alone_range(limits->given, span->start, span->end);

    *out_start = span->start;
    *out_end = span->end;
    if (range != NULL) {
        *out_start = range->first;
        *out_end = range->last + 1u;
    }
}

static enum err_code
check_span(const struct source_set *set, const struct span *span, struct err *err)
{
    struct limits limits = limits_of(&set->modbus, span->function);
    const char *id = set->sources[span->source].def->id;
    unsigned start, end;

    if (span->function < FRAME_MODBUS_READ_COILS || span->function > FRAME_MODBUS_READ_INPUT_WORDS)
        return err_set(err, ERR_CONFIG, "%s: function %u does not read", id, span->function);
    if (span->end <= span->start || span->end > 0x10000)
        return err_set(err, ERR_CONFIG, "%s: address %u with %u words is past the last register",
                       id, span->start, span->end - span->start);
    begin_block(&limits, span, &start, &end);
    if (span->start < start || span->end > end)
        return err_set(err, ERR_CONFIG, "%s: reaches out of the range %u-%u that is read alone", id,
                       start, end - 1);
    if (end - start > limits.max)
        return err_set(err, ERR_CONFIG, "%s: needs %u in one request, the limit is %u", id,
                       end - start, limits.max);
    if (crosses_border(&set->modbus, start, end))
        return err_set(err, ERR_CONFIG, "%s: lies across an address no request may cross", id);
    return ERR_OK;
}

/* May [start, end) be read in one request that is not an alone range? */
static bool
may_read(const struct limits *limits, unsigned start, unsigned end)
{
    return end - start <= limits->max && !crosses_border(limits->given, start, end) &&
           alone_range(limits->given, start, end) == NULL;
}

static bool
try_extend(const struct limits *limits, struct plan_block *block, const struct span *span)
{
    unsigned start = block->address, end = start + block->count;

    if (span->function != block->function)
        return false;
    if (span->end <= end)
        return true; /* inside already, be it an alone range */
    if (span->start > end + limits->gap || !may_read(limits, start, span->end))
        return false;
    block->count = (uint16_t)(span->end - start);
    return true;
}

static uint32_t
make_blocks(const struct source_set *set, const struct span *spans, uint32_t count,
            struct plan_block *out_blocks)
{
    uint32_t blocks = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct limits limits = limits_of(&set->modbus, spans[i].function);
        unsigned start, end;

        if (blocks > 0 && try_extend(&limits, &out_blocks[blocks - 1], &spans[i])) {
            out_blocks[blocks - 1].item_count++;
            continue;
        }
        begin_block(&limits, &spans[i], &start, &end);
        out_blocks[blocks++] = (struct plan_block){
            .function = spans[i].function,
            .address = (uint16_t)start,
            .count = (uint16_t)(end - start),
            .first_item = i,
            .item_count = 1,
        };
    }
    return blocks;
}

static enum err_code
collect_spans(const struct source_set *set, uint16_t group, struct span *out_spans,
              uint32_t *out_count, struct err *err)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < set->source_count; i++) {
        const struct modbus_source *source = &set->sources[i].modbus;
        struct span span = {.source = i,
                            .start = source->address,
                            .end = source->address + length_of(source),
                            .function = source->function};

        if (set->sources[i].def->group != group)
            continue;
        enum err_code code = check_span(set, &span, err);

        if (code != ERR_OK)
            return code;
        out_spans[count++] = span;
    }
    *out_count = count;
    return ERR_OK;
}

/* One piece of memory: the plan, its blocks (at most one per span), its items. */
static struct plan *
assemble(const struct source_set *set, const struct span *spans, uint32_t count)
{
    struct plan *plan =
        malloc(sizeof *plan + count * (sizeof(struct plan_block) + sizeof(struct plan_item)));

    if (plan == NULL)
        return NULL;

    struct plan_block *blocks = (struct plan_block *)(plan + 1);
    struct plan_item *items = (struct plan_item *)(blocks + count);

    for (uint32_t i = 0; i < count; i++)
        items[i] = (struct plan_item){spans[i].source, (uint16_t)spans[i].start};
    *plan = (struct plan){.set = set, .blocks = blocks, .items = items, .item_count = count};
    plan->block_count = make_blocks(set, spans, count, blocks);
    return plan;
}

enum err_code
plan_regs_make(const struct source_set *set, uint16_t group, struct plan **out_plan,
               struct err *err)
{
    struct span *spans = calloc(set->source_count + 1u, sizeof *spans);
    struct plan *plan = NULL;
    uint32_t count = 0;
    enum err_code code;

    if (spans == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    code = collect_spans(set, group, spans, &count, err);
    if (code != ERR_OK)
        goto out;
    qsort(spans, count, sizeof *spans, by_place);
    plan = assemble(set, spans, count);
    if (plan == NULL)
        code = err_set(err, ERR_NOMEM, "out of memory");
    else
        *out_plan = plan;

out:
    free(spans);
    return code;
}

void
plan_regs_free(struct plan *plan)
{
    free(plan);
}

static unsigned
item_end(const struct plan *plan, uint32_t item)
{
    const struct modbus_source *source = &plan->set->sources[plan->items[item].source].modbus;

    return plan->items[item].address + length_of(source);
}

/* A block of just what `count` items from `first` need. */
static struct plan_block
block_of(const struct plan *plan, uint8_t function, uint32_t first, uint32_t count)
{
    unsigned start = plan->items[first].address, end = start;

    for (uint32_t i = first; i < first + count; i++)
        if (item_end(plan, i) > end)
            end = item_end(plan, i);
    return (struct plan_block){function, (uint16_t)start, (uint16_t)(end - start), first, count};
}

bool
plan_regs_split(const struct plan *plan, const struct plan_block *block,
                struct plan_block out_halves[2])
{
    uint32_t first = block->first_item, last = first + block->item_count;
    uint32_t best = 0, best_distance = UINT32_MAX;
    unsigned end = 0;

    /* The cut nearest to the middle: before an item that begins where nothing earlier reaches. */
    for (uint32_t i = first; i < last; i++) {
        uint32_t before = i - first, after = last - i;
        uint32_t distance = before > after ? before - after : after - before;

        if (before > 0 && plan->items[i].address >= end && distance < best_distance) {
            best = i;
            best_distance = distance;
        }
        if (item_end(plan, i) > end)
            end = item_end(plan, i);
    }
    if (best == 0) /* the cut is behind the first item, so 0 says there was none */
        return false;
    if (alone_range(&plan->set->modbus, block->address, block->address + 1u) != NULL)
        return false; /* read exactly so, or not at all */
    out_halves[0] = block_of(plan, block->function, first, best - first);
    out_halves[1] = block_of(plan, block->function, best, last - best);
    return true;
}
