/*
 * fuzz_site.c - a site file of any bytes: faults are reported, nothing crashes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "config/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* No profiles: they would be read from disk at every run. Inline points cover their reader. */
    struct site_options options = {.profile_dir = "/nonexistent", .generation = 1};
    struct diag diag;
    struct site *site = NULL;

    diag_init(&diag);
    if (site_load_text("fuzz.yaml", (const char *)data, size, &options, &diag, &site) == ERR_OK) {
        struct site_cost cost;

        site_cost(site, &cost);
        site_free(site);
    } else if (diag.errors == 0) {
        abort(); /* refused without a reason */
    }
    diag_done(&diag);
    return 0;
}
