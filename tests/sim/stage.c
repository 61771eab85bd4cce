/*
 * stage.c - lets the demo's physics move the values of the devices it knows by name.
 */
#include "tests/sim/stage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/physics.h"

#define TICK_S 0.2
#define DEMO_SEED 20

/* One value that physics moves. */
struct binding {
    const double *source;
    struct sim_device *device;
    uint32_t item;
    double last;
};

struct stage {
    struct ev_timer tick;
    struct server *server;
    struct physics physics;
    struct binding *bindings;
    size_t count;
    double time; /* of the loop, up to which physics has come */
};

/* Values are set only when they would look different on the wire. */
static void
show(struct stage *stage)
{
    for (size_t i = 0; i < stage->count; i++) {
        struct binding *binding = &stage->bindings[i];
        double resolution = fabs(binding->device->template->items[binding->item].scale);

        if (fabs(*binding->source - binding->last) < resolution / 4)
            continue;
        if (model_set_number(binding->device, binding->item, *binding->source) == ERR_OK)
            binding->last = *binding->source;
    }
}

static void
on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct stage *stage = timer->data;
    double now = ev_now(loop);

    (void)events;
    physics_step(&stage->physics, now - stage->time);
    stage->time = now;
    show(stage);
}

static bool
bind_device(struct stage *stage, struct sim_device *device)
{
    for (uint32_t i = 0; i < device->template->item_count; i++) {
        const char *name = device->template->items[i].name;
        const double *source =
            name == NULL ? NULL : physics_find(&stage->physics, device->id, name);

        if (source == NULL)
            continue;
        struct binding *bindings = realloc(stage->bindings, (stage->count + 1) * sizeof *bindings);
        if (bindings == NULL)
            return false;
        stage->bindings = bindings;
        stage->bindings[stage->count++] = (struct binding){source, device, i, HUGE_VAL};
    }
    return true;
}

enum err_code
stage_new(struct server *server, const char *name, struct stage **out_stage, struct err *err)
{
    if (strcmp(name, "demo") != 0)
        return err_set(err, ERR_CONFIG, "no physics \"%s\" (there is \"demo\")", name);

    struct stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    stage->server = server;
    physics_init(&stage->physics, DEMO_SEED);
    for (uint32_t i = 0; i < server->model->device_count; i++)
        if (!bind_device(stage, server->model->devices[i])) {
            free(stage->bindings);
            free(stage);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
    show(stage);
    stage->time = ev_now(server->loop);
    ev_timer_init(&stage->tick, on_tick, TICK_S, TICK_S);
    stage->tick.data = stage;
    ev_timer_start(server->loop, &stage->tick);
    *out_stage = stage;
    return ERR_OK;
}

void
stage_free(struct stage *stage)
{
    if (stage == NULL)
        return;
    ev_timer_stop(stage->server->loop, &stage->tick);
    free(stage->bindings);
    free(stage);
}

enum err_code
stage_command(struct stage *stage, const char *what, const char *value, struct err *err)
{
    return physics_set(&stage->physics, what, value, err);
}
