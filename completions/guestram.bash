# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of guestram's verbs, options and their fixed values. tests/bats/help.bats compares the
# table with what --help says. shellcheck shell=bash

declare -gA _guestram_options=(
	[host]="--survey --json --root --help"
	[plan]="--memory --page-size --node --backing --goal --keep-free --passthrough --shared
		--hotplug --balloon --ksm --migration --locked --json --root --help"
	[reserve]="--memory --page-size --node --preferred --fallback --partial --lend --name
		--external --owner-pid --keep-free
		--timeout --max-cache-lost --max-swapped --allow --json --root --help"
	[release]="--force --json --root --help"
	[list]="--history --json --root --help"
	[recover]="--json --root --help"
	[run]="--memory --backing --page-size --node --goal --populate --threads --name --user
		--print --preferred --fallback --keep-free --timeout --max-cache-lost --max-swapped --allow
		--passthrough --shared --hotplug --balloon --ksm --migration --locked --json
		--root --help"
	[inspect]="--all --expect --watch --exact --qmp --collapse --rate --json --root --help"
	[doctor]="--error --log --domain --argv --pid --ledger --keep-free --json --root --help"
	[libvirt]="--backing --page-size --node --fallback --shared --dry-run --file --all --destination
		--connect --no-hook --keep-free --json --root --help"
)

_guestram()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} i

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "${!_guestram_options[*]} --help --version" -- "$cur")
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		# Behind the -- are the VMM and its arguments: program, then files.
		[ "${COMP_WORDS[i]}" = -- ] || continue
		[ $((i + 1)) -eq "$COMP_CWORD" ] &&
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		return
	done
	case $prev in
	-b | --backing) mapfile -t COMPREPLY < <(compgen -W "auto 4k thp static dynamic" -- "$cur") ;;
	-g | --goal) mapfile -t COMPREPLY < <(compgen -W "performance balanced density" -- "$cur") ;;
	--populate) mapfile -t COMPREPLY < <(compgen -W "auto before background lazy" -- "$cur") ;;
	-p | --page-size) mapfile -t COMPREPLY < <(compgen -W "2M 1G" -- "$cur") ;;
	--allow) mapfile -t COMPREPLY < <(compgen -W "drop-caches evacuate demote none" -- "$cur") ;;
	--fallback) mapfile -t COMPREPLY < <(compgen -W "2M 2M,thp thp 4k" -- "$cur") ;;
	--expect) mapfile -t COMPREPLY < <(compgen -W "2M>=99% 1G>=99% huge>=99% node0>=99% locked>=100% touched>=100%" -- "$cur") ;;
	--qmp) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	--root | --destination) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	--log | --domain | --argv | --file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	-m | --memory | -n | --node | --owner-pid | --keep-free | --threads | --name | --timeout | \
		--max-cache-lost | --max-swapped | --error | --pid | --watch | --rate) ;;
	--connect) ;;
	libvirt) mapfile -t COMPREPLY < <(compgen -W "enable disable check list attach-memory import install-hook remove-hook" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "${_guestram_options[$verb]-}" -- "$cur") ;;
	esac
}
complete -o default -F _guestram guestram
