/*
 * collect.c - which collector reads which device.
 */
#include "collectors/collect.h"

#include "gateway/base/digest.h"

uint32_t
collect_shard_of(const struct collect_device *device, uint32_t shard_count)
{
    uint64_t best = 0;
    uint32_t winner = 0;
    const void *address = &device->address;
    size_t bytes = device->address.sin6_family == AF_INET ? sizeof(struct sockaddr_in)
                                                          : sizeof(struct sockaddr_in6);

    /* Highest random weight: neither another device nor (for most) another shard count moves it. */
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        uint64_t weight = fingerprint(FINGERPRINT_START, &shard, sizeof shard);

        weight = fingerprint(weight, &device->protocol, sizeof device->protocol);
        weight = fingerprint(weight, address, bytes);
        weight ^= weight >> 29;
        weight *= UINT64_C(0xbf58476d1ce4e5b9);
        weight ^= weight >> 32;
        if (shard == 0 || weight > best) {
            best = weight;
            winner = shard;
        }
    }
    return winner;
}
