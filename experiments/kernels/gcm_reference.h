/* gcm_reference.h: AES-128-GCM by its definition (FIPS 197, NIST SP 800-38D), bit by bit: slow, and nobody else's code. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_GCM_REFERENCE_H
#define OFFSIM_EXPERIMENTS_KERNELS_GCM_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

void gcm_reference_aes(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
/* Without additional data. */
void gcm_reference_seal(const uint8_t key[16], const uint8_t nonce[12], const uint8_t *plain, size_t size, uint8_t *sealed, uint8_t tag[16]);

#endif
