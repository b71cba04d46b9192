/* A stand-in for WSL's libdxcore.so: COM objects with the tables of dxcore_interface.h. FAKE_DXCORE: `amd`, `intel`,
 * `both` (the default is NVIDIA), `none`, `error`. The last adapter is Microsoft's software renderer. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct object { void **table; int index; };
static int is(const char *name) { return getenv("FAKE_DXCORE") && !strcmp(getenv("FAKE_DXCORE"), name); }
static uint32_t release(void *self) { (void)self; return 0; }

struct card {
  const char *name;
  uint32_t vendor, device;
  uint64_t version, dedicated, shared;
  bool hardware, integrated;
};
#define VERSION(a, b, c, d) ((uint64_t)(a) << 48 | (uint64_t)(b) << 32 | (uint64_t)(c) << 16 | (d))
static const struct card nvidia = {"NVIDIA GeForce RTX 4070 Laptop GPU", 0x10de, 0x2860, VERSION(32, 0, 15, 7652), 8188ull << 20, 16ull << 30, true, false};
static const struct card amd = {"AMD Radeon RX 7800 XT", 0x1002, 0x747e, VERSION(32, 0, 12033, 1030), 16368ull << 20, 16ull << 30, true, false};
static const struct card intel = {"Intel(R) Iris(R) Xe Graphics", 0x8086, 0x46a6, VERSION(31, 0, 101, 5522), 128ull << 20, 8ull << 30, true, true};
static const struct card software = {"Microsoft Basic Render Driver", 0x1414, 0x008c, VERSION(10, 0, 26100, 1), 0, 8ull << 30, false, false};

static int cards(const struct card **out) {
  int count = 0;
  if (is("none")) return 0;
  if (is("amd") || is("both")) out[count++] = &amd;
  if (is("intel") || is("both")) out[count++] = &intel;
  if (!count) out[count++] = &nvidia;
  out[count++] = &software;
  return count;
}
static const struct card *card(struct object *self) {
  const struct card *all[4];
  cards(all);
  return all[self->index];
}
static bool supported(struct object *self, uint32_t property) { (void)self; return property != 14; }
static int32_t get(struct object *self, uint32_t property, size_t size, void *out) {
  const struct card *of = card(self);
  uint32_t id[4] = {of->vendor, of->device, 0, 0};
  const void *from;
  size_t length;
  switch (property) {
    case 1: from = &of->version, length = 8; break;
    case 2: from = of->name, length = strlen(of->name) + 1; break;
    case 3: from = id, length = 16; break;
    case 7: from = &of->dedicated, length = 8; break;
    case 9: from = &of->shared, length = 8; break;
    case 11: from = &of->hardware, length = 1; break;
    case 12: from = &of->integrated, length = 1; break;
    default: return (int32_t)0x80070057;
  }
  if (size < length) return (int32_t)0x80070057;
  memcpy(out, from, length);
  return 0;
}
static int32_t size(struct object *self, uint32_t property, size_t *out) {
  if (property != 2) return (int32_t)0x80070057;
  *out = strlen(card(self)->name) + 1;
  return 0;
}
static void *adapter_table[] = {0, 0, release, 0, 0, supported, get, size};
static struct object adapters[4];
static int32_t get_adapter(void *self, uint32_t index, const void *iid, void **out) {
  static const uint8_t wanted[] = {0x7f, 0x4c, 0xdb, 0xf0, 0x5a, 0xfe, 0xa2, 0x42, 0xbd, 0x62, 0xf2, 0xa6, 0xcf, 0x6f, 0xc8, 0x3e};
  (void)self;
  if (memcmp(iid, wanted, 16)) return (int32_t)0x80004002;
  adapters[index] = (struct object){adapter_table, (int)index};
  *out = &adapters[index];
  return 0;
}
static uint32_t get_count(void *self) {
  const struct card *all[4];
  (void)self;
  return (uint32_t)cards(all);
}
static void *list_table[] = {0, 0, release, get_adapter, get_count};
static struct object list = {list_table, 0};
static int32_t create_list(void *self, uint32_t count, const void *attributes, const void *iid, void **out) {
  (void)self, (void)attributes, (void)iid;
  if (is("error") || count != 1) return (int32_t)0x887a0004;
  *out = &list;
  return 0;
}
static void *factory_table[] = {0, 0, release, create_list};
static struct object factory = {factory_table, 0};
int32_t DXCoreCreateAdapterFactory(const void *iid, void **out) {
  (void)iid;
  *out = &factory;
  return 0;
}
