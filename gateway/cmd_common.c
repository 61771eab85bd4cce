/*
 * cmd_common.c - what the commands share.
 */
#include "gateway/cmd.h"
