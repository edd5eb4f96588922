// What npm's dynamics-web-api sees of an environment: node dynamics_web_api.mjs URL TOKEN NODE_MODULES
// prints one JSON object: what each scenario returned, or how it failed. The tests judge it.
import { createRequire } from "node:module";

const [url, token, modules] = process.argv.slice(2);
const { DynamicsWebApi } = createRequire(modules + "/")("dynamics-web-api");
const api = new DynamicsWebApi({
    serverUrl: url,
    dataApi: { version: "9.2" },
    onTokenRefresh: async () => token,
});
const KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10";
// parts of a batch keep the error of the server one level deeper
const failure = (error) => ({ status: error.status, ...(error.error ?? { code: error.code, message: error.message }) });

const scenarios = {
    async whoAmI() {
        return await api.callFunction("WhoAmI");
    },

    async crud() {
        const made = await api.create({ collection: "contacts", data: { firstname: "Ana", lastname: "Ruiz" } });
        const read = await api.retrieve({ collection: "contacts", key: made, select: ["fullname"] });
        await api.updateSingleProperty({ collection: "contacts", key: made, fieldValuePair: { jobtitle: "CFO" } });
        const updated = await api.update({
            collection: "contacts", key: made, data: { lastname: "Ruiz P." }, returnRepresentation: true,
            select: ["fullname", "jobtitle"],
        });
        await api.deleteRecord({ collection: "contacts", key: made });
        const gone = await api.retrieve({ collection: "contacts", key: made }).catch(failure);
        return { made, read, updated, gone };
    },

    async pages() {
        const first = await api.retrieveMultiple({ collection: "accounts", select: ["name"], maxPageSize: 3 });
        const all = await api.retrieveAll({ collection: "accounts", select: ["name"], maxPageSize: 3 });
        const count = await api.count({ collection: "accounts" });
        return { first: first.value.length, link: Boolean(first.oDataNextLink), all: all.value.length, count };
    },

    async changeTracking() {
        const asked = { collection: "leads", select: ["subject"], trackChanges: true };
        const start = await api.retrieveMultiple(asked);
        const kept = await api.create({ collection: "leads", data: { subject: "kept" } });
        const gone = await api.create({ collection: "leads", data: { subject: "gone" } });
        await api.deleteRecord({ collection: "leads", key: gone });
        const next = await api.retrieveMultiple(asked, start.oDataDeltaLink);
        return {
            start: start.value.length, kept, gone, more: Boolean(next.oDataDeltaLink),
            changed: next.value.filter((row) => !row.reason).map((row) => row.leadid),
            deleted: next.value.filter((row) => row.reason).map((row) => [row.id, row.reason]),
        };
    },

    async trackingRefusesFilters() {
        return await api
            .retrieveMultiple({ collection: "leads", select: ["subject"], filter: "subject eq 'x'", trackChanges: true })
            .catch(failure);
    },

    async alternateKeys() {
        const key = "accountnumber='A-77'";
        const select = ["accountid", "name"];
        const first = await api.upsert({
            collection: "accounts", key, data: { name: "first" }, returnRepresentation: true, select,
        });
        const second = await api.upsert({
            collection: "accounts", key, data: { name: "second" }, returnRepresentation: true, select,
        });
        const createOnly = await api
            .upsert({ collection: "accounts", key, data: { name: "third" }, ifnonematch: "*" })
            .catch(failure);
        const updateOnly = await api
            .upsert({ collection: "accounts", key: "accountnumber='none'", data: { name: "x" }, ifmatch: "*" })
            .catch(failure);
        const read = await api.retrieve({ collection: "accounts", key, select });
        return { same: first.accountid === second.accountid, createOnly, updateOnly, name: read.name };
    },

    async versions() {
        await api.upsert({ collection: "accounts", key: KEY, data: { name: "one" } });
        const before = await api.retrieve({ collection: "accounts", key: KEY, select: ["name"] });
        const etag = before["@odata.etag"];
        await api.update({ collection: "accounts", key: KEY, data: { name: "two" }, ifmatch: etag });
        const stale = await api
            .update({ collection: "accounts", key: KEY, data: { name: "three" }, ifmatch: etag })
            .catch(failure);
        const kept = await api.deleteRecord({ collection: "accounts", key: KEY, ifmatch: etag }).catch(failure);
        const now = await api.retrieve({ collection: "accounts", key: KEY, select: ["name"] });
        const same = await api
            .retrieve({ collection: "accounts", key: KEY, select: ["name"], ifnonematch: now["@odata.etag"] })
            .catch(failure);
        return { stale, kept, name: now.name, same };
    },

    async batch() {
        api.startBatch();
        api.create({ collection: "contacts", data: { firstname: "Luz" }, contentId: "1" });
        api.create({
            collection: "accounts", data: { name: "batched", "primarycontactid@odata.bind": "$1" }, contentId: "2",
        });
        const answers = await api.executeBatch();
        return { answers };
    },

    async batchGoesOn() {
        api.startBatch();
        api.create({ collection: "tasks", data: { subject: "x".repeat(201) }, inChangeSet: false });
        api.create({ collection: "tasks", data: { subject: "short" }, inChangeSet: false });
        const answers = await api.executeBatch({ continueOnError: true });
        return answers.map((answer) => (answer instanceof Error ? failure(answer) : "made"));
    },

    async batchStops() {
        api.startBatch();
        api.create({ collection: "tasks", data: { subject: "x".repeat(201) } });
        api.create({ collection: "tasks", data: { subject: "never" } });
        return await api.executeBatch().catch((errors) => [errors].flat().map(failure));
    },

    async expand() {
        return await api.retrieveMultiple({
            collection: "accounts", select: ["name"], filter: "name eq 'batched'",
            expand: [{ property: "primarycontactid", select: ["fullname"] }], includeAnnotations: "*",
        });
    },

    async fetchXml() {
        const fetchXml = '<fetch count="3"><entity name="account"><attribute name="name"/></entity></fetch>';
        return (await api.fetchAll({ collection: "accounts", fetchXml, includeAnnotations: "*" })).value.length;
    },

    async actions() {
        const lead = await api.create({
            collection: "leads", data: { subject: "Cableado", companyname: "Nueva", lastname: "Gil" },
        });
        const action = { CreateAccount: true, CreateContact: true, CreateOpportunity: true, Status: 3 };
        const made = await api.callAction({
            collection: "leads", key: lead, actionName: "Microsoft.Dynamics.CRM.QualifyLead", action,
        });
        return made.value.length;
    },

    async metadata() {
        const table = await api.retrieveEntity({
            key: "LogicalName='account'", select: ["EntitySetName", "ChangeTrackingEnabled"],
        });
        return { set: table.EntitySetName, tracked: table.ChangeTrackingEnabled };
    },

    async files() {
        const key = await api.create({ collection: "accounts", data: { name: "with a file" } });
        const data = new Uint8Array([48, 49, 50, 51]);
        await api.uploadFile({ collection: "accounts", key, fieldName: "pl_contract", fileName: "c.txt", data });
        const file = await api.downloadFile({ collection: "accounts", key, property: "pl_contract" });
        return { name: file.fileName, size: file.fileSize, text: Buffer.from(file.data).toString() };
    },

    async impersonation() {
        const user = "66666666-6666-4666-8666-666666666666";
        return await api.create({ collection: "accounts", data: { name: "for another" }, impersonateAAD: user });
    },
};

const seen = {};
for (const [name, scenario] of Object.entries(scenarios)) {
    try {
        seen[name] = await scenario();
    } catch (error) {
        seen[name] = { failed: [error].flat().map(failure) };
    }
}
console.log(JSON.stringify(seen));
