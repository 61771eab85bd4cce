/*
 * lints.c - warnings about alarms that can be read and yet are no good ones.
 */
#include "config/lints.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alerts/roles.h"
#include "gateway/base/text.h"

#define P1_FEW 20 /* so many can be known by heart; 5 % of a small site are none at all */
#define P1_PERCENT_MAX 5
#define ACTION_CHARS_MIN 8

enum lint {
    LINT_PRIORITIES,
    LINT_NO_ACTION,
    LINT_SAME_WORDS,
    LINT_LONG_TEXT,
    LINT_LONG_DETAIL,
    LINT_SLOW,
    LINT_DELAY,
    LINT_ONCE,
    LINT_NEVER,
    LINT_ALWAYS,
    LINT_NEVER_OVER,
    LINT_TWICE,
    LINT_SAME_TEXT,
    LINT_ROOT_PRIORITY,
    LINT_ROOT_AUDIENCE,
    LINT_AUDIENCE
};

/* One warning, for all alarms that the same place makes. */
struct finding {
    struct { /* key; zeroed as a whole */
        const void *place;
        enum lint lint;
    } key;
    struct lint_place at;
    char *text;
    const char *hint;
    uint32_t more;
    UT_hash_handle hh;
};

struct linting {
    struct build *build;
    struct arena *scratch;
    struct finding *findings;
    const struct built_device **devices; /* by number; NULL: the gateway itself, or none */
};

/* An alarm with what it is about. */
struct subject {
    const struct lint_alarm *alarm;
    const struct alarm_type *type;
    const struct point_def *point;
    const struct point_source *source; /* NULL: nothing that is polled */
    int64_t interval_ms;               /* 0: read once */
};

static void find(struct linting *linting, enum lint lint, const struct lint_place *at,
                 const char *hint, const char *fmt, ...) PRINTF_LIKE(5, 6);

static void
find(struct linting *linting, enum lint lint, const struct lint_place *at, const char *hint,
     const char *fmt, ...)
{
    struct finding *found, *one = arena_alloc(linting->scratch, sizeof *one);
    char text[DIAG_TEXT_MAX];
    va_list args;

    if (one == NULL)
        return;
    memset(&one->key, 0, sizeof one->key);
    one->key.place = at->node != NULL ? (const void *)at->node : (const void *)at->place;
    one->key.lint = lint;
    HASH_FIND(hh, linting->findings, &one->key, sizeof one->key, found);
    if (found != NULL) {
        found->more++;
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    one->at = *at;
    one->hint = hint;
    one->text = arena_text(linting->scratch, text);
    if (one->text != NULL)
        HASH_ADD(hh, linting->findings, key, sizeof one->key, one);
}

static void
tell(const struct linting *linting, const struct finding *finding)
{
    const struct yaml_place *place = finding->at.place;
    char more[48] = "";

    if (finding->more > 0)
        snprintf(more, sizeof more, "; and %u more alike", finding->more);
    if (finding->at.node != NULL)
        yaml_warn(&linting->build->yaml, finding->at.node, finding->hint, "%s%s", finding->text,
                  more);
    else
        diag_add(linting->build->diag, DIAG_WARNING, place->file, place->line, place->column,
                 place->width, place->source_line, finding->hint, "%s%s", finding->text, more);
}

/* words */

static size_t
count_chars(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static bool
is_empty_talk(const char *text)
{
    static const char *const WORDS[] = {
        "none",   "n/a",         "-",       "--",        "tbd",
        "todo",   "?",           "unknown", "nothing",   "no action",
        "ignore", "acknowledge", "note it", "see above", "no action needed",
        "ack",    "fixme",       "...",     "monitor"};
    size_t length = strlen(text);

    while (length > 0 && (isspace((unsigned char)text[length - 1]) || text[length - 1] == '.'))
        length--;
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (strlen(WORDS[i]) == length && strncasecmp(text, WORDS[i], length) == 0)
            return true;
    return length == 0;
}

static void
lint_words(struct linting *linting, const struct subject *of)
{
    const struct alarm_type *type = of->type;
    const struct lint_place *at = &of->alarm->at;
    const char *id = of->alarm->def.id;

    if (is_empty_talk(type->action) || count_chars(type->action) < ACTION_CHARS_MIN)
        find(linting, LINT_NO_ACTION, at, "what does the person do first? else it is no alarm",
             "%s: action \"%.40s\" tells nobody what to do", id, type->action);
    else if (is_empty_talk(type->consequence))
        find(linting, LINT_NO_ACTION, at, "what happens if nobody acts? else it is no alarm",
             "%s: consequence \"%.40s\" gives no reason to act", id, type->consequence);
    if (strcasecmp(type->text, type->consequence) == 0 ||
        strcasecmp(type->text, type->action) == 0 ||
        strcasecmp(type->consequence, type->action) == 0)
        find(linting, LINT_SAME_WORDS, at, "what is wrong; what follows; what to do",
             "%s: two of text, consequence and action say the same", id);
    if (count_chars(type->text) > LINTS_TEXT_CHARS)
        find(linting, LINT_LONG_TEXT, at, "what is wrong, in a few words; the rest is consequence",
             "%s: text has %zu characters, a console of 80 columns shows %d of them", id,
             count_chars(type->text), LINTS_TEXT_CHARS);
    if (count_chars(type->consequence) > LINTS_DETAIL_CHARS ||
        count_chars(type->action) > LINTS_DETAIL_CHARS)
        find(linting, LINT_LONG_DETAIL, at, "first steps here, the rest in the runbook",
             "%s: consequence or action has more than %d characters: nobody reads that at night",
             id, LINTS_DETAIL_CHARS);
}

/* times */

static void
lint_times(struct linting *linting, const struct subject *of)
{
    const struct alarm_type *type = of->type;
    const char *id = of->alarm->def.id;
    char interval[24], delay[24], within[24];

    if (of->source == NULL)
        return;
    text_format_duration(of->interval_ms, interval, sizeof interval);
    text_format_duration(type->on_delay_ms, delay, sizeof delay);
    text_format_duration(type->respond_within_ms, within, sizeof within);
    if (of->interval_ms == 0)
        find(linting, LINT_ONCE, &of->alarm->at, "put the point into a group with an interval",
             "%s: %s is read only once, when the device comes up: a change is never seen", id,
             of->point->id);
    else if (of->interval_ms + type->on_delay_ms >= type->respond_within_ms)
        find(linting, LINT_SLOW, &of->alarm->at, "poll more often, delay less, or give more time",
             "%s: polled every %s and delayed by %s, it is told when respond_within, %s, is over",
             id, interval, delay, within);
    else if (type->on_delay_ms > 0 && type->on_delay_ms * 2 <= of->interval_ms)
        find(linting, LINT_DELAY, &of->alarm->at, "no on_delay, or one of several polls",
             "%s: on_delay %s is much shorter than the poll interval, %s: one reading decides", id,
             delay, interval);
}

/* what can never be, or always is */

static bool
has_value(const struct alarm_type *type, double value)
{
    for (uint16_t i = 0; i < type->value_count; i++)
        if (type->values[i] == value)
            return true;
    return false;
}

static void
lint_limit(struct linting *linting, const struct subject *of)
{
    const struct alarm_type *type = of->type;
    double low = of->source->valid_min, high = of->source->valid_max, back;
    bool is_high = type->rule == RULE_HIGH;
    const char *id = of->alarm->def.id, *word = is_high ? "high" : "low";
    static const char HINT[] = "the point's range is what counts as a reading at all";

    if (!(low < high))
        return;
    back = is_high ? type->limit - type->deadband : type->limit + type->deadband;
    if (is_high ? type->limit >= high : type->limit <= low)
        find(linting, LINT_NEVER, &of->alarm->at, HINT,
             "%s: it can never be raised: %s %g, but %s reads %g to %g", id, word, type->limit,
             of->point->id, low, high);
    else if (is_high ? type->limit < low : type->limit > high)
        find(linting, LINT_ALWAYS, &of->alarm->at, HINT,
             "%s: it is always there: %s %g, but %s reads %g to %g", id, word, type->limit,
             of->point->id, low, high);
    else if (is_high ? back < low : back > high)
        find(linting, LINT_NEVER_OVER, &of->alarm->at, "a smaller deadband",
             "%s: it can never be over: back at %g, but %s reads %g to %g", id, back, of->point->id,
             low, high);
}

static void
lint_values(struct linting *linting, const struct subject *of)
{
    static const struct value_label FLAGS[] = {{0, "false"}, {1, "true"}};
    const struct alarm_type *type = of->type;
    const struct point_def *point = of->point;
    const struct value_label *labels = point->label_count > 0 ? point->labels : FLAGS;
    size_t count = point->label_count > 0      ? point->label_count
                   : point->kind == VALUE_FLAG ? ARRAY_LEN(FLAGS)
                                               : 0;
    size_t listed = 0;

    for (size_t i = 0; i < count; i++)
        listed += has_value(type, labels[i].value);
    if (count == 0 || (listed > 0 && listed < count))
        return;
    bool is_never = (type->rule == RULE_IS) == (listed == 0);
    find(linting, is_never ? LINT_NEVER : LINT_ALWAYS, &of->alarm->at,
         "compare with the labels of the point", "%s: it %s: \"%s\" names %s state of %s",
         of->alarm->def.id, is_never ? "can never be raised" : "is always there",
         rule_kind_name((enum rule_kind)type->rule), listed == 0 ? "no" : "every", point->id);
}

/* Windows that are too short for how often the point is read. */
static void
lint_window(struct linting *linting, const struct subject *of)
{
    const struct alarm_type *type = of->type;
    int64_t need_ms =
        type->rule == RULE_COUNT ? of->interval_ms * 2 * (type->at_least - 1) : of->interval_ms;
    char window[24], interval[24];

    if (of->interval_ms == 0 || type->window_ms >= need_ms)
        return;
    text_format_duration(type->window_ms, window, sizeof window);
    text_format_duration(of->interval_ms, interval, sizeof interval);
    if (type->rule == RULE_SILENT)
        find(linting, LINT_ALWAYS, &of->alarm->at, "several polls, at least",
             "%s: it comes and goes: silent for %s, but %s is read only every %s",
             of->alarm->def.id, window, of->point->id, interval);
    else
        find(linting, LINT_NEVER, &of->alarm->at, "poll more often, or look back further",
             "%s: it can never be raised: in %s there are too few readings of %s, one every %s",
             of->alarm->def.id, window, of->point->id, interval);
}

static bool
has_window(const struct alarm_type *type)
{
    return type->rule == RULE_RISE || type->rule == RULE_FALL || type->rule == RULE_CHANGE ||
           type->rule == RULE_COUNT || type->rule == RULE_SILENT;
}

static void
lint_reach(struct linting *linting, const struct subject *of)
{
    if (of->source == NULL)
        return;
    if (of->type->rule == RULE_HIGH || of->type->rule == RULE_LOW)
        lint_limit(linting, of);
    else if (of->type->rule == RULE_IS || of->type->rule == RULE_NOT)
        lint_values(linting, of);
    else if (has_window(of->type))
        lint_window(linting, of);
}

/* alarms beside each other */

static int
compare_values(const struct alarm_type *a, const struct alarm_type *b)
{
    if (a->rule != b->rule)
        return a->rule < b->rule ? -1 : 1;
    if (a->limit != b->limit)
        return a->limit < b->limit ? -1 : 1;
    if (a->value_count != b->value_count)
        return a->value_count < b->value_count ? -1 : 1;
    return a->value_count == 0 ? 0
                               : memcmp(a->values, b->values, a->value_count * sizeof *a->values);
}

static int
compare_meaning(const void *left, const void *right)
{
    const struct lint_alarm *a = *(const struct lint_alarm *const *)left;
    const struct lint_alarm *b = *(const struct lint_alarm *const *)right;

    if (a->def.point != b->def.point)
        return a->def.point < b->def.point ? -1 : 1;
    int order = compare_values(a->def.type, b->def.type);
    return order != 0 ? order : strcmp(a->def.id, b->def.id);
}

static int
compare_text(const void *left, const void *right)
{
    const struct lint_alarm *a = *(const struct lint_alarm *const *)left;
    const struct lint_alarm *b = *(const struct lint_alarm *const *)right;

    if (a->def.device != b->def.device)
        return a->def.device < b->def.device ? -1 : 1;
    int order = strcasecmp(a->def.type->text, b->def.type->text);
    return order != 0 ? order : strcmp(a->def.id, b->def.id);
}

static bool
is_by_value(const struct alarm_type *type)
{
    return type->rule <= RULE_NOT;
}

/* `sorted` has only what somebody configured. */
static void
lint_pairs(struct linting *linting, const struct lint_alarm **sorted, size_t count)
{
    qsort(sorted, count, sizeof *sorted, compare_meaning);
    for (size_t i = 1; i < count; i++) {
        const struct alarm_def *a = &sorted[i - 1]->def, *b = &sorted[i]->def;

        if (a->point == b->point && is_by_value(a->type) && compare_values(a->type, b->type) == 0)
            find(linting, LINT_TWICE, &sorted[i]->at, "one fact, one alarm",
                 "%s and %s judge the same point by the same limit", b->id, a->id);
    }
    qsort(sorted, count, sizeof *sorted, compare_text);
    for (size_t i = 1; i < count; i++) {
        const struct alarm_def *a = &sorted[i - 1]->def, *b = &sorted[i]->def;

        if (a->device == b->device && strcasecmp(a->type->text, b->type->text) == 0)
            find(linting, LINT_SAME_TEXT, &sorted[i]->at, "say in which they differ",
                 "%s and %s have the same text: who reads it cannot tell them apart", b->id, a->id);
    }
}

/* What is folded under a root is not told: the root must do for it. */
static void
lint_root(struct linting *linting, const struct lint_alarm *alarms, size_t count,
          const struct lint_alarm *alarm)
{
    const struct alarm_type *type = alarm->def.type;

    if (type->suppressed_by == NULL || alarm->def.root >= count)
        return;
    const struct alarm_def *root = &alarms[alarm->def.root].def;
    unsigned missing = type->audiences & ~(unsigned)root->type->audiences;
    if (type->priority < root->type->priority)
        find(linting, LINT_ROOT_PRIORITY, &alarm->at, "a more urgent root, or none",
             "%s, P%u, is suppressed by %s, only P%u: the more urgent one is not told",
             alarm->def.id, type->priority, root->id, root->type->priority);
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        if ((missing & AUDIENCE_BIT(audience)) != 0) {
            find(linting, LINT_ROOT_AUDIENCE, &alarm->at, "the same audiences for both",
                 "%s is suppressed by %s, of which %s is not told: it hears of neither",
                 alarm->def.id, root->id, audience_name((enum audience)audience));
            break;
        }
}

/* all of them */

static void
lint_priorities(struct linting *linting, const struct lint_alarm **alarms, size_t count)
{
    size_t by_priority[5] = {0};
    const struct lint_alarm *first = NULL;

    for (size_t i = 0; i < count; i++) {
        by_priority[alarms[i]->def.type->priority]++;
        if (alarms[i]->def.type->priority == 1 && first == NULL)
            first = alarms[i];
    }
    if (by_priority[1] <= P1_FEW || by_priority[1] * 100 <= count * P1_PERCENT_MAX)
        return;
    find(linting, LINT_PRIORITIES, &first->at,
         "aim at 5 % P1, 15 % P2: what cannot wait two minutes, what cannot wait ten",
         "%zu of %zu alarms, %zu %%, are P1 (P2 %zu %%, P3 %zu %%, P4 %zu %%), the first is %s: "
         "when everything is urgent, nothing is",
         by_priority[1], count, by_priority[1] * 100 / count, by_priority[2] * 100 / count,
         by_priority[3] * 100 / count, by_priority[4] * 100 / count, first->def.id);
}

static bool
is_configured(const struct lint_alarm *alarm)
{
    return alarm->at.node != NULL || alarm->at.place != NULL;
}

static void
lint_audiences(struct linting *linting, const struct lint_alarm *alarms, size_t count)
{
    const struct site *site = linting->build->site;
    struct lint_place at = {.node = linting->build->top.users};
    const struct order_object any = {.priority = 3};
    size_t told[AUDIENCE_COUNT] = {0};
    unsigned reached = 0;

    if (at.node == NULL)
        return; /* nobody gives commands but on this machine: a site that is being tried */
    for (uint32_t i = 0; i < site->user_count; i++)
        if (roles_permit((enum role)site->users[i].role, ORDER_ACK, &any).is_allowed)
            reached |= site->users[i].audiences;
    for (size_t i = 0; i < count; i++)
        for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
            told[audience] += is_configured(&alarms[i]) &&
                              (alarms[i].def.type->audiences & AUDIENCE_BIT(audience)) != 0;
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        /* each audience is a finding of its own at the same place */
        enum lint lint = (enum lint)(LINT_AUDIENCE + audience);

        if ((reached & AUDIENCE_BIT(audience)) != 0)
            continue;
        if (told[audience] == 0 && audience == AUDIENCE_FACILITIES)
            find(linting, lint, &at, "audiences: of a user",
                 "the gateway's own alarms are for facilities, and no user of it may acknowledge "
                 "them");
        else if (told[audience] > 0)
            find(linting, lint, &at, "audiences: of a user, or other audiences for the alarms",
                 "nobody may acknowledge what is for %s, %zu of the alarms",
                 audience_name((enum audience)audience), told[audience]);
    }
}

/* the whole */

static const struct point_source *
source_of(const struct linting *linting, const struct alarm_def *def,
          const struct built_device **out_device)
{
    const struct directory *directory = &linting->build->site->directory;
    const struct built_device *device =
        def->device < directory->device_limit ? linting->devices[def->device] : NULL;

    *out_device = device;
    if (device == NULL || def->point >= directory->point_limit)
        return NULL;
    const struct source_set *set = &device->profile->set;
    const struct device_info *info = &directory->devices[def->device];
    uint32_t guess = info->point_count > 0 ? def->point - info->points[0] : 0;
    for (uint32_t i = 0; i < set->source_count; i++) { /* nearly always the guess is right */
        uint32_t index = (guess + i) % set->source_count;

        if (info->points[index] == def->point)
            return &set->sources[index];
    }
    return NULL;
}

/* Of all points the alarm looks at, the interval of the one that is read least often; 0: once. */
static int64_t
slowest(const struct linting *linting, const struct lint_alarm *alarm,
        const struct built_device *device, const struct point_def *point)
{
    const struct directory *directory = &linting->build->site->directory;
    int64_t longest_ms = device->groups[point->group].interval_ms;

    for (uint16_t i = 0; i < alarm->def.input_count && longest_ms > 0; i++) {
        const struct point_ref *ref = directory_point(directory, alarm->def.inputs[i].point);
        const struct built_device *other = ref == NULL ? NULL : linting->devices[ref->device];
        int64_t ms = other == NULL ? longest_ms : other->groups[ref->def->group].interval_ms;

        longest_ms = ms == 0 || ms > longest_ms ? ms : longest_ms;
    }
    return longest_ms;
}

static void
lint_one(struct linting *linting, const struct lint_alarm *alarm)
{
    const struct built_device *device;
    struct subject of = {.alarm = alarm, .type = alarm->def.type};

    of.source = source_of(linting, &alarm->def, &device);
    of.point = of.source == NULL ? NULL : of.source->def;
    of.interval_ms = of.source == NULL ? 0 : slowest(linting, alarm, device, of.point);
    lint_words(linting, &of);
    lint_times(linting, &of);
    lint_reach(linting, &of);
}

static void
lint_alarms(struct linting *linting, const struct lint_alarm *alarms, size_t count)
{
    const struct lint_alarm **own = calloc(count + 1, sizeof *own);
    size_t own_count = 0;

    if (own == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (is_configured(&alarms[i]))
            own[own_count++] = &alarms[i];
    for (size_t i = 0; i < own_count; i++)
        lint_one(linting, own[i]);
    for (size_t i = 0; i < own_count; i++)
        lint_root(linting, alarms, count, own[i]);
    lint_priorities(linting, own, own_count);
    lint_pairs(linting, own, own_count);
    free(own);
}

void
lints_run(struct build *build, const struct lint_alarm *alarms, size_t count)
{
    struct linting linting = {.build = build, .scratch = arena_new()};

    linting.devices =
        calloc(build->site->directory.device_limit + 1u, sizeof(struct built_device *));
    if (linting.scratch != NULL && linting.devices != NULL) {
        for (uint32_t i = 0; i < build->device_count; i++)
            linting.devices[build->devices[i].number] = &build->devices[i];
        lint_alarms(&linting, alarms, count);
        lint_audiences(&linting, alarms, count);
        for (const struct finding *one = linting.findings; one != NULL; one = one->hh.next)
            tell(&linting, one);
    }
    HASH_CLEAR(hh, linting.findings);
    free(linting.devices);
    arena_free(linting.scratch);
}
