/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the build system says elsewhere. */
#define GR_VERSION "fuzz"
