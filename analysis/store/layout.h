/* layout.h: which columns the tables of a trace have, and where each lies in a row. */
#ifndef OFFSIM_ANALYSIS_STORE_LAYOUT_H
#define OFFSIM_ANALYSIS_STORE_LAYOUT_H

#include "analysis/store/column.h"
#include "models/record.h"

enum table_id { TABLE_REQUESTS, TABLE_ATTEMPTS, TABLE_DECISIONS, TABLE_TRANSFERS, N_TABLES };
/* Rows: the record, and the codes of names that a record only counts within its class. */
struct attempt_row { struct attempt_record r; uint16_t task; };
struct decision_row { struct decision_record r; uint16_t task; };

struct table_def { const char *group; size_t row_bytes; size_t n_columns; const struct column_def *column; };
extern const struct table_def table_defs[N_TABLES];
extern const char *const transfer_kind_name[N_TRANSFER_KINDS];

#endif
