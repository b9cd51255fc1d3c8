/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parts of the record of `guestram inspect`.
 */
#ifndef GR_CLI_INSPECT_PRIVATE_H
#define GR_CLI_INSPECT_PRIVATE_H

#include "cli/inspect_record.h"

/* Each adds its keys below @obj, or an item to @array. */
void gr_inspect_sizes_record(json_object *obj, const struct gr_bytes_by_size *sizes, size_t count);
void gr_inspect_nodes_record(json_object *obj, const struct gr_bytes_by_node *nodes, size_t count);
void gr_inspect_exact_record(json_object *obj, const struct gr_exact *exact);
void gr_inspect_region_record(json_object *array, const struct gr_region *region,
			      const struct gr_inspection *inspection);

#endif
