count: # xdp, 16 bytes of stack
     0: r6 = r1
     1: *(u32 *)(r10 - 8) = 7
     2: *(u32 *)(r10 - 4) = 40
     3: *(u32 *)(r10 - 16) = 7
     4: r3 = r10
     5: r3 += -8
     6: r2 = r10
     7: r2 += -16
     8: r1 = seen ll
    10: r4 = 0
    11: call bpf_map_update_elem#2
    12: r0 = .data+0 ll
    14: r5 = 1
    15: lock *(u64 *)(r0 + 8) += r5
    16: r5 = 22
    17: lock *(u64 *)(r0 + 0) += r5
    18: r5 = *(u32 *)(r6 + 16)
    19: r0 = *(u32 *)(r0 + 20)
    20: if w0 < w5 goto +2
    21: r0 = 2
    22: exit
    23: r0 = 1
    24: exit

counters_count: # xdp, 16 bytes of stack
     0: r0 = *(u32 *)(r1 + 16)
     1: *(u32 *)(r10 - 8) = r0
     2: *(u32 *)(r10 - 4) = 40
     3: *(u32 *)(r10 - 16) = r0
     4: r3 = r10
     5: r3 += -8
     6: r2 = r10
     7: r2 += -16
     8: r1 = seen ll
    10: r4 = 0
    11: call bpf_map_update_elem#2
    12: r0 = .data+0 ll
    14: r5 = 1
    15: lock *(u64 *)(r0 + 8) += r5
    16: r0 = 2
    17: exit
