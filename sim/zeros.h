/* zeros.h: large arrays of zeros, one entry a device.
 *
 * From 8 MiB on the system is asked for huge pages (Linux, where they are for the asking): whoever visits a million
 * devices at random otherwise waits for the tables of small ones. free() as any other memory.
 */
#ifndef OFFSIM_SIM_ZEROS_H
#define OFFSIM_SIM_ZEROS_H

#include <stddef.h>

void *zeros_new(size_t n, size_t bytes);        /* never NULL; n = 0: room for one */

#endif
