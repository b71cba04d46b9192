/* A stand-in for libnvidia-ml.so.1. FAKE_NVML holds words that say how it behaves:
 *   two            two devices
 *   none           no devices
 *   unsupported    utilization, power, clocks and processes are NVML_ERROR_NOT_SUPPORTED, as on many WSL machines
 *   lost           the first device is NVML_ERROR_GPU_IS_LOST
 *   hang           asking for the memory never returns
 *   hang-init      nvmlInit never returns
 *   crash          asking for the memory is a segmentation fault
 *   pascal, kepler, blackwell   the compute capability is 6.1, 3.7, 12.0
 *   full           nearly all memory is in use
 *   old-driver     driver 470.42.01, CUDA 11.4
 *   minor-driver   driver 536.23, CUDA 12.2: earlier than what the wheel was built with, of the same major version
 *   init=CODE      nvmlInit returns CODE
 * Built with -DOLD it lacks every function that was added after NVML 10.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int nvmlReturn_t;
typedef struct device { int index; } *nvmlDevice_t;
static struct device devices[2] = {{0}, {1}};
static int started;

static int has(const char *word) {
  const char *all = getenv("FAKE_NVML");
  size_t length = strlen(word);
  for (const char *at = all; at && *at;) {
    const char *end = strchr(at, ',');
    size_t size = end ? (size_t)(end - at) : strlen(at);
    if (size == length && strncmp(at, word, length) == 0) return 1;
    at = end ? end + 1 : NULL;
  }
  return 0;
}

static void forever(void) { for (;;) sleep(1000); }

static nvmlReturn_t text(char *out, unsigned room, const char *value) {
  if (strlen(value) + 1 > room) return 7;
  strcpy(out, value);
  return 0;
}

nvmlReturn_t nvmlInit_v2(void) {
  const char *code = getenv("FAKE_NVML") ? strstr(getenv("FAKE_NVML"), "init=") : NULL;
  if (code) return atoi(code + 5);
  if (has("hang-init")) forever();
  started = 1;
  return 0;
}
nvmlReturn_t nvmlShutdown(void) { started = 0; return 0; }
nvmlReturn_t nvmlSystemGetDriverVersion(char *out, unsigned room) {
  if (!started) return 1;
  return text(out, room, has("old-driver") ? "470.42.01" : has("minor-driver") ? "536.23" : "576.52");
}
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *out) {
  if (!started) return 1;
  *out = has("none") ? 0 : has("two") ? 2 : 1;
  return 0;
}
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *out) {
  if (index == 0 && has("lost")) return 15;
  *out = &devices[index];
  return 0;
}
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *out, unsigned room) {
  return text(out, room,
              has("kepler") ? "Tesla K80"
              : has("pascal") ? "NVIDIA GeForce GTX 1080"
              : has("blackwell") ? "NVIDIA GeForce RTX 5090"
              : device->index ? "NVIDIA GeForce RTX 3060"
                              : "NVIDIA GeForce RTX 4070 Laptop GPU");
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *out, unsigned room) {
  return text(out, room,
              device->index ? "GPU-11111111-2222-3333-4444-555555555555"
                            : "GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
}
struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, struct pci *out) {
  memset(out, 0, sizeof *out);
  sprintf(out->legacy, "0000:%02X:00.0", device->index + 1);
  return 0;
}
#ifndef OLD
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, struct pci *out) {
  nvmlDeviceGetPciInfo_v2(device, out);
  sprintf(out->bus_id, "00000000:%02X:00.0", device->index + 1);
  return 0;
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *out) {
  *out = has("old-driver") ? 11040 : has("minor-driver") ? 12020 : 12090;
  return 0;
}
#endif
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
  int value = has("kepler") ? 37 : has("pascal") ? 61 : has("blackwell") ? 120 : device->index ? 86 : 89;
  *major = value / 10;
  *minor = value % 10;
  return 0;
}
struct memory { unsigned long long total, free, used; };
struct memory2 { unsigned version; unsigned long long total, reserved, free, used; };
static void sizes(nvmlDevice_t device, struct memory2 *out) {
  unsigned long long mib = 1024 * 1024;
  out->total = (device->index ? 12288 : 8188) * mib;
  out->reserved = 228 * mib;
  out->used = has("full") ? out->total - 300 * mib : (device->index ? 512 : 1045) * mib;
  out->free = out->total - out->reserved - out->used;
}
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct memory *out) {
  struct memory2 all;
  if (has("hang")) forever();
  if (has("crash")) *(volatile int *)0 = 1;
  sizes(device, &all);
  out->total = all.total;
  out->free = all.free;
  out->used = all.used + all.reserved;
  return 0;
}
#ifndef OLD
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct memory2 *out) {
  if (has("hang")) forever();
  if (has("crash")) *(volatile int *)0 = 1;
  if (out->version != (sizeof *out | 2 << 24)) return 25;
  sizes(device, out);
  return 0;
}
#endif
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, unsigned *out) {
  if (has("unsupported")) return 3;
  out[0] = device->index ? 0 : 37;
  out[1] = device->index ? 0 : 12;
  return 0;
}
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *out) {
  if (sensor != 0) return 2;
  *out = device->index ? 41 : 58;
  return 0;
}
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *out) {
  if (has("unsupported")) return 3;
  *out = device->index ? 14250 : 62480;
  return 0;
}
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *out) {
  if (has("unsupported")) return 3;
  *out = device->index ? 170000 : 105000;
  return 0;
}
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int kind, unsigned *out) {
  if (has("unsupported")) return 3;
  *out = kind == 0 ? (device->index ? 210 : 2175) : kind == 2 ? (device->index ? 405 : 8001) : 0;
  return 0;
}
struct process1 { unsigned pid; unsigned long long memory; };
struct process2 { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; };
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned *count, struct process1 *out) {
  if (has("unsupported")) return 3;
  *count = device->index ? 0 : 1;
  if (*count) out[0] = (struct process1){4242, 900ull * 1024 * 1024};
  return 0;
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned *count, struct process1 *out) {
  if (has("unsupported")) return 3;
  *count = device->index ? 0 : 1;
  if (*count) out[0] = (struct process1){77, ~0ull};
  return 0;
}
#ifndef OLD
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, struct process2 *out) {
  if (has("unsupported")) return 3;
  *count = device->index ? 0 : 1;
  if (*count) out[0] = (struct process2){4242, 900ull * 1024 * 1024, ~0u, ~0u};
  return 0;
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned *count, struct process2 *out) {
  if (has("unsupported")) return 3;
  *count = device->index ? 0 : 1;
  if (*count) out[0] = (struct process2){77, ~0ull, ~0u, ~0u};
  return 0;
}
#endif
