/*
 * texts.c - the files that a configuration was made of.
 */
#include "config/texts.h"

#include <stdlib.h>
#include <string.h>

#include "config/yaml.h"

bool
texts_add(struct site_texts *texts, const char *name, const char *text, size_t bytes)
{
    struct site_text *one;

    if (texts == NULL)
        return true;
    one = calloc(1, sizeof *one);
    if (one == NULL)
        return false;
    one->name = strdup(name);
    one->text = malloc(bytes + 1);
    if (one->name == NULL || one->text == NULL) {
        free(one->name);
        free(one->text);
        free(one);
        return false;
    }
    if (bytes > 0)
        memcpy(one->text, text, bytes);
    one->text[bytes] = '\0';
    one->bytes = bytes;
    if (texts->last != NULL)
        texts->last->next = one;
    else
        texts->first = one;
    texts->last = one;
    return true;
}

const struct site_text *
texts_find(const struct site_texts *texts, const char *name)
{
    for (const struct site_text *one = texts->first; one != NULL; one = one->next)
        if (strcmp(one->name, name) == 0)
            return one;
    return NULL;
}

void
texts_done(struct site_texts *texts)
{
    for (struct site_text *one = texts->first, *next; one != NULL; one = next) {
        next = one->next;
        free(one->name);
        free(one->text);
        free(one);
    }
    *texts = (struct site_texts){0};
}

bool
texts_has_secret(const struct site_text *text)
{
    struct diag ignored;
    struct yaml yaml;
    bool has = false;

    diag_init(&ignored);
    if (yaml_open_text(&yaml, text->name, text->text, text->bytes, &ignored)) {
        struct fy_node *devices = yaml_get(yaml.root, "devices");

        if (yaml_is_list(devices)) {
            YAML_EACH_ITEM(device, devices)
            {
                const char *community = yaml_text(yaml_get(yaml_get(device, "snmp"), "community"));

                has = has || (community != NULL && strcmp(community, "public") != 0);
            }
        }
    }
    yaml_close(&yaml);
    diag_done(&ignored);
    return has;
}
