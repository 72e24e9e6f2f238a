// SPDX-License-Identifier: GPL-2.0-only
/*
 * An nvmem device that is a piece of memory: for what an RTC's registers are too
 * few or too faithful.
 *
 * `present` 0 takes it away, 1 brings it back with what it held. `bad` is how many
 * bytes of each write are lost, as of a register that is not there. With `word`, an
 * access that is not made of whole words fails.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/nvmem-provider.h>
#include <linux/platform_device.h>
#include <linux/string.h>

#define SIM_SIZE_MAX	4096

static char *name = "simnvmem";
module_param(name, charp, 0444);
MODULE_PARM_DESC(name, "name of the device");

static unsigned int size = 64;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "its bytes (64)");

static unsigned int word = 1;
module_param(word, uint, 0444);
MODULE_PARM_DESC(word, "bytes of a word (1)");

static unsigned int bad;
module_param(bad, uint, 0644);
MODULE_PARM_DESC(bad, "bytes at the end of each write that are lost");

static unsigned long writes;
module_param(writes, ulong, 0644);

static DEFINE_MUTEX(sim_lock);
static struct platform_device *parent;
static struct nvmem_device *nvmem;
static bool present;
static u8 data[SIM_SIZE_MAX];

static bool sim_ok(unsigned int at, size_t len)
{
	return at <= size && len <= size - at && !(at % word) && !(len % word);
}

static int sim_read(void *priv, unsigned int at, void *val, size_t len)
{
	if (!sim_ok(at, len))
		return -EINVAL;
	memcpy(val, data + at, len);
	return 0;
}

static int sim_write(void *priv, unsigned int at, void *val, size_t len)
{
	if (!sim_ok(at, len))
		return -EINVAL;
	writes++;
	memcpy(data + at, val, len - min_t(size_t, len, bad));
	return 0;
}

static int sim_register(void)
{
	struct nvmem_config config = {
		.dev = &parent->dev,
		.name = name,
		.id = NVMEM_DEVID_NONE,
		.owner = THIS_MODULE,
		.size = size,
		.word_size = word,
		.stride = word,
		.reg_read = sim_read,
		.reg_write = sim_write,
	};

	nvmem = nvmem_register(&config);
	return PTR_ERR_OR_ZERO(nvmem);
}

static int present_set(const char *val, const struct kernel_param *kp)
{
	bool wanted;
	int err = kstrtobool(val, &wanted);

	if (err || !parent)
		return err;
	mutex_lock(&sim_lock);
	if (wanted && !present)
		err = sim_register();
	else if (!wanted && present)
		nvmem_unregister(nvmem);
	if (!err)
		present = wanted;
	mutex_unlock(&sim_lock);
	return err;
}

static const struct kernel_param_ops present_ops = {
	.set = present_set,
	.get = param_get_bool,
};
module_param_cb(present, &present_ops, &present, 0644);
MODULE_PARM_DESC(present, "the device is there");

static int __init simnvmem_init(void)
{
	struct platform_device *pdev;

	if (!size || size > SIM_SIZE_MAX || !word || size % word)
		return -EINVAL;
	pdev = platform_device_register_simple("simnvmem", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	parent = pdev;
	if (sim_register()) {
		parent = NULL;
		platform_device_unregister(pdev);
		return -ENODEV;
	}
	present = true;
	return 0;
}
module_init(simnvmem_init);

static void __exit simnvmem_exit(void)
{
	if (present)
		nvmem_unregister(nvmem);
	platform_device_unregister(parent);
}
module_exit(simnvmem_exit);

MODULE_DESCRIPTION("pvkit test: an nvmem device in memory");
MODULE_LICENSE("GPL");
