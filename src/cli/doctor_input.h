/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `guestram doctor` is asked: the message or log, and the description of the VM.
 */
#ifndef GR_CLI_DOCTOR_INPUT_H
#define GR_CLI_DOCTOR_INPUT_H

#include "cli/cli.h"
#include "doctor/doctor.h"

struct gr_doctor_question {
	struct gr_host *host; /* read to understand the description; NULL once the doctor has it */
	bool has_log;
	struct gr_log log;
	struct gr_intent intent;
};

/** gr_doctor_question_read - from the options. Return: 0 or -errno with cli->err. */
int gr_doctor_question_read(struct gr_cli *cli, const struct gr_args *args,
			    struct gr_doctor_question *ret);
void gr_doctor_question_done(struct gr_doctor_question *question);
#define _cleanup_doctor_question_ __attribute__((cleanup(gr_doctor_question_done)))

#endif
