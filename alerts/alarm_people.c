/*
 * alarm_people.c - what people said of an alarm.
 */
#include "alerts/alarm_people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/hash.h"
#include "gateway/base/text.h"

#define SAYING_BYTES_MAX 1536 /* a note, escaped, with the names around it */

static const char *const NAMES[] = {
#define SAYING_NAME(symbol, name) name,
    ALARM_SAYINGS(SAYING_NAME)
#undef SAYING_NAME
};

struct saying_entry {
    UT_hash_handle hh;
    uint32_t alarm;           /* key */
    char *text[SAYING_COUNT]; /* owned */
};

void
alarm_people_init(struct alarm_people *people, struct journal *journal,
                  const struct alarm_def *alarms)
{
    *people = (struct alarm_people){.journal = journal, .alarms = alarms};
}

static struct saying_entry *
find(const struct alarm_people *people, uint32_t alarm)
{
    struct saying_entry *entry;

    HASH_FIND(hh, people->entries, &alarm, sizeof alarm, entry);
    return entry;
}

static struct saying_entry *
find_or_make(struct alarm_people *people, uint32_t alarm)
{
    struct saying_entry *entry = find(people, alarm);

    if (entry != NULL)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->alarm = alarm;
    HASH_ADD(hh, people->entries, alarm, sizeof entry->alarm, entry);
    if (entry->hh.tbl != NULL)
        return entry;
    free(entry);
    return NULL;
}

static void
drop(struct alarm_people *people, struct saying_entry *entry)
{
    HASH_DEL(people->entries, entry);
    for (size_t i = 0; i < SAYING_COUNT; i++)
        free(entry->text[i]);
    free(entry);
}

void
alarm_people_done(struct alarm_people *people)
{
    struct saying_entry *entry, *next;

    HASH_ITER(hh, people->entries, entry, next)
    {
        drop(people, entry);
    }
}

static const char *
key_of(const struct alarm_people *people, uint32_t alarm, enum alarm_saying saying, char *key,
       size_t size)
{
    snprintf(key, size, "%s.%s", NAMES[saying], people->alarms[alarm].id);
    return key;
}

static void
keep(struct alarm_people *people, uint32_t alarm, enum alarm_saying saying, const char *text)
{
    struct saying_entry *entry = find_or_make(people, alarm);
    char *copy = entry != NULL ? strdup(text) : NULL;

    if (copy == NULL)
        return;
    free(entry->text[saying]);
    entry->text[saying] = copy;
}

/* Does a word of this kind still say something about the alarm? */
static bool
holds(const struct alarm_regions *regions, enum alarm_saying saying)
{
    switch (saying) {
    case SAYING_ACKED:
        return regions->ack == ACK_ACKED;
    case SAYING_SHELF:
        return regions->shelved;
    case SAYING_OOS:
        return regions->oos;
    case SAYING_TEST:
        return regions->test;
    case SAYING_COUNT:
        break;
    }
    return false;
}

void
alarm_people_load(struct alarm_people *people, uint32_t alarm, const struct alarm_regions *regions)
{
    char key[TOPIC_ID_MAX + 8], text[SAYING_BYTES_MAX];

    for (unsigned i = 0; i < SAYING_COUNT; i++) {
        enum alarm_saying saying = (enum alarm_saying)i;

        if (holds(regions, saying) &&
            journal_get(people->journal, key_of(people, alarm, saying, key, sizeof key), text,
                        sizeof text))
            keep(people, alarm, saying, text);
    }
}

static bool
is_said_by(enum alarm_saying saying, uint32_t outputs)
{
    static const uint32_t OUTPUTS[SAYING_COUNT] = {[SAYING_ACKED] = OUT(ACKED),
                                                   [SAYING_SHELF] = OUT(SHELVED),
                                                   [SAYING_OOS] = OUT(OUT_OF_SERVICE),
                                                   [SAYING_TEST] = OUT(TEST_BEGAN)};

    return saying < SAYING_COUNT && (outputs & OUTPUTS[saying]) != 0;
}

struct alarm_sayings
alarm_people_settle(struct alarm_people *people, uint32_t alarm,
                    const struct alarm_regions *regions, uint32_t outputs,
                    const struct alarm_order *order)
{
    bool is_said = order != NULL && order->text != NULL && is_said_by(order->saying, outputs);
    struct saying_entry *entry;
    char key[TOPIC_ID_MAX + 8];

    if (is_said && holds(regions, order->saying)) {
        keep(people, alarm, order->saying, order->text);
        journal_put(people->journal, key_of(people, alarm, order->saying, key, sizeof key),
                    order->text);
    }
    entry = find(people, alarm);
    for (unsigned saying = 0; entry != NULL && saying < SAYING_COUNT; saying++) {
        if (entry->text[saying] == NULL || holds(regions, (enum alarm_saying)saying))
            continue;
        journal_put(people->journal,
                    key_of(people, alarm, (enum alarm_saying)saying, key, sizeof key), NULL);
        free(entry->text[saying]);
        entry->text[saying] = NULL;
    }
    struct alarm_sayings sayings = alarm_people_said(people, alarm, regions);
    if (is_said) /* also where it ended what it was about: a cleared alarm's acknowledgement */
        sayings.text[order->saying] = order->text;
    return sayings;
}

struct alarm_sayings
alarm_people_said(const struct alarm_people *people, uint32_t alarm,
                  const struct alarm_regions *regions)
{
    const struct saying_entry *entry = find(people, alarm);
    struct alarm_sayings sayings = {{NULL}};

    for (unsigned saying = 0; entry != NULL && saying < SAYING_COUNT; saying++)
        if (holds(regions, (enum alarm_saying)saying))
            sayings.text[saying] = entry->text[saying];
    return sayings;
}
