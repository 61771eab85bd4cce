/*
 * metrics_kpi.h - the key figures of the alarms of each audience as Prometheus text.
 */
#ifndef WATCHROOM_GATEWAY_METRICS_KPI_H
#define WATCHROOM_GATEWAY_METRICS_KPI_H

#include "gateway/base/json.h"
#include "gateway/base/text.h"

/* `figures`: the member "kpi" of what the judge sends; NULL prints nothing. */
void metrics_kpi_print(const json_t *figures, struct text_buf *out);

#endif
