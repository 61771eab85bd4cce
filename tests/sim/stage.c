#include "tests/sim/stage.h"
enum err_code
stage_new(struct server *server, const char *name, struct stage **out_stage, struct err *err)
{
    (void)server;
    (void)out_stage;
    return err_set(err, ERR_CONFIG, "no physics \"%s\"", name);
}
void
stage_free(struct stage *stage)
{
    (void)stage;
}
enum err_code
stage_command(struct stage *stage, const char *what, const char *value, struct err *err)
{
    (void)stage;
    (void)what;
    (void)value;
    return err_set(err, ERR_CONFIG, "no");
}
