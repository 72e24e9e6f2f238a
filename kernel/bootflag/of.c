// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores that the device tree describes. A store is called as its node's `label`
 * says, else as the node.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "../compat.h"
#include "media.h"
#include "pv_bootflag.h"

static const struct of_device_id pvf_of_match[] = {
#if IS_ENABLED(CONFIG_NVMEM)
	{ .compatible = "pvkit,boot-flag-nvmem", .data = &pvf_nvmem_ops },
#endif
#if IS_ENABLED(CONFIG_MTD)
	{ .compatible = "pvkit,boot-flag-mtd", .data = &pvf_mtd_ops },
#endif
#ifdef CONFIG_MFD_SYSCON
	{ .compatible = "pvkit,boot-flag-syscon", .data = &pvf_syscon_ops },
#endif
	{ .compatible = "pvkit,boot-flag-ram", .data = &pvf_ram_ops },
	{ }
};
MODULE_DEVICE_TABLE(of, pvf_of_match);

static int pvf_of_probe(struct platform_device *pdev)
{
	struct device_node *node = pdev->dev.of_node;
	const struct of_device_id *match = of_match_node(pvf_of_match, node);
	const char *label = NULL;
	const char *why = "";
	char *name;
	int err;

	if (!match)
		return -ENODEV;
	of_property_read_string(node, "label", &label);
	name = label ? devm_kstrdup(&pdev->dev, label, GFP_KERNEL) :
		       devm_kasprintf(&pdev->dev, GFP_KERNEL, "%pOFn", node);
	if (!name)
		return -ENOMEM;
	err = pvf_store_add_node(name, match->data, node, &why);
	if (err) {
		dev_err(&pdev->dev, "no store %s: error %d %s\n", name, err, why);
		return err;
	}
	platform_set_drvdata(pdev, name);
	return 0;
}

static pvk_remove_type pvf_of_remove(struct platform_device *pdev)
{
	pvf_store_del(platform_get_drvdata(pdev));
	return pvk_remove_return;
}

static struct platform_driver pvf_of_driver = {
	.probe = pvf_of_probe,
	.remove = pvf_of_remove,
	.driver = {
		.name = "pv_bootflag",
		.of_match_table = pvf_of_match,
	},
};

int pvf_of_init(void)
{
	return platform_driver_register(&pvf_of_driver);
}

void pvf_of_exit(void)
{
	platform_driver_unregister(&pvf_of_driver);
}
