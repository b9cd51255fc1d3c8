/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between building records (record.c) and printing them (record_view.c, which alone needs tables:
 * programs that print none are not linked with them). Private to base.
 */
#ifndef GR_BASE_RECORD_VIEW_H
#define GR_BASE_RECORD_VIEW_H

#include "base/record.h"

/** gr_rec_lost - memory ran out while this document was made: it is not all there. */
bool gr_rec_lost(json_object *obj);

#endif
