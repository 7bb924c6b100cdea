//! The texts of the console in its two languages. A text that a page needs and that is missing here does not compile.

use wire::Language;

/// Declares the texts, and gives each in English and in Chinese.
macro_rules! texts {
    ($($name:ident: $english:literal, $chinese:literal;)*) => {
        /// The texts in one language.
        pub(super) struct Texts {
            $(pub(super) $name: &'static str,)*
        }

        static ENGLISH: Texts = Texts { $($name: $english,)* };
        static CHINESE: Texts = Texts { $($name: $chinese,)* };

        #[cfg(test)]
        const NAMES: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $chinese),)*];
    };
}

/// The texts in this language.
pub(super) fn of(language: Language) -> &'static Texts {
    match language {
        Language::EnUs => &ENGLISH,
        Language::ZhCn => &CHINESE,
    }
}

texts! {
    skip: "Skip to the content", "跳到正文";
    rooms: "Pages", "页面";
    fleet: "Fleet", "实例总览";
    explorer: "API Explorer", "API Explorer";
    doctor: "Signature doctor", "签名诊断";
    tasks: "Tasks", "任务";
    keys: "Access keys", "访问密钥";
    audit: "Audit log", "审计日志";
    reference: "Reference", "接口文档";
    sign_in: "Sign in", "登录";
    sign_out: "Sign out", "退出";
    signed_in_as: "Signed in with this SecretId", "当前登录的 SecretId";
    sign_in_text: "Sign in with an access key of this Signet. The console can do what the key can do.", "请使用本 Signet 的访问密钥登录。控制台的权限与该密钥相同。";
    sign_in_hint: "The first start of `signet serve` prints the root key. `signet key create` makes further ones.", "首次启动 `signet serve` 时会显示根密钥；`signet key create` 可创建更多密钥。";
    session_over: "The session is over. Sign in again.", "会话已结束，请重新登录。";
    wrong_key: "There is no such key, its secret is another one, or it is disabled.", "密钥不存在、SecretKey 不正确或密钥已禁用。";
    too_often: "Too many attempts failed. Try again in", "失败次数过多，请在以下时间后重试：";
    language: "Language", "语言";
    theme: "Theme", "主题";
    theme_system: "System", "跟随系统";
    theme_light: "Light", "浅色";
    theme_dark: "Dark", "深色";
    back_to_fleet: "To the fleet", "返回实例总览";
    not_found: "There is nothing here", "页面不存在";
    not_found_text: "The address leads nowhere, or to something of another account.", "地址无效，或该资源属于其他账号。";
    refused: "Refused", "已拒绝";
    foreign_form: "The form was sent from another site, so nothing was done.", "表单来自其他站点，未执行任何操作。";
    csrf_form: "The form did not carry the token of this session, so nothing was done. Open the page again and send it from there.", "表单未携带本会话的令牌，未执行任何操作。请重新打开页面后提交。";
    no_page: "The page could not be made. The log of the server has the reason.", "页面生成失败，原因请查看服务器日志。";
    ago: "{} ago", "{}前";
    ahead: "in {}", "{}后";
    seconds: "s", "秒";
    minutes: "min", "分钟";
    hours: "h", "小时";
    days: "days", "天";
    members: "instances and groups", "个实例和只读组";
    id: "ID", "ID";
    name: "Name", "名称";
    kind: "Kind", "类型";
    status: "Status", "状态";
    expires: "Expires", "到期";
    expired: "expired", "已过期";
    later: "later", "更晚";
    expires_within: "Expires within", "到期时间";
    issuer: "Issuer", "颁发者";
    tls_version: "TLS version", "TLS 版本";
    plaintext: "no TLS", "未加密";
    enforcement: "Enforcement", "强制加密";
    drift: "Drift", "漂移";
    last_seen: "Last seen", "最近检测";
    since: "Like this since", "自此时起";
    never: "never", "从未";
    search: "Search", "搜索";
    search_hint: "ID, name, node, tag", "ID、名称、节点、标签";
    any: "any", "不限";
    yes: "yes", "是";
    no: "no", "否";
    apply: "Apply", "应用";
    reset: "Reset", "重置";
    export: "Export", "导出";
    pages: "Pages of the list", "分页";
    previous: "previous", "上一页";
    next: "next", "下一页";
    empty_fleet: "Nothing is registered yet. Register an instance with the command line, or with RegisterInstance in the API Explorer:", "尚未注册任何实例。请使用命令行，或在 API Explorer 中调用 RegisterInstance：";
    nothing_fits: "Nothing fits.", "没有符合条件的结果。";
    versions_chart: "Nodes by TLS version", "按 TLS 版本统计的节点数";
    expiry_chart: "Instances by the month in which the first certificate expires", "按首个证书到期月份统计的实例数";
    instance: "Instance", "实例";
    address: "Address", "地址";
    tags: "Tags", "标签";
    ro_groups: "RO groups", "只读组";
    nodes: "Nodes", "节点";
    server: "Server", "服务器";
    protocol: "Protocol", "协议";
    driver: "Driver", "变更方式";
    chain: "Certificate chain", "证书链";
    root: "root", "根证书";
    intermediate: "intermediate", "中间证书";
    leaf: "the server's own", "服务器证书";
    auto_generated: "made by the server for itself", "服务器自动生成";
    verifies: "verifies", "验证通过";
    does_not_verify: "does not verify", "验证不通过";
    coverage: "Names that clients use", "客户端使用的名称";
    covered: "covered", "已覆盖";
    not_covered: "not covered", "未覆盖";
    common_name_only: "by the common name alone", "仅由 CN 覆盖";
    connect: "Connect, encrypted and verified", "加密并验证地连接";
    bundle_text: "The links are signed and expire. Put the file beside the program and use one of these lines.", "链接已签名并会过期。将文件放在程序旁边，然后使用下列之一。";
    no_bundle: "No certificate was seen yet, so there is no CA bundle.", "尚未检测到证书，因此没有 CA 证书包。";
    timeline: "Timeline", "时间线";
    was_registered: "Registered", "已注册";
    try_in_explorer: "Try it in the API Explorer", "在 API Explorer 中试用";
    task_under_way: "A task is under way:", "任务进行中：";
    open_ssl: "Open SSL", "开启 SSL";
    close_ssl: "Close SSL", "关闭 SSL";
    rotate: "Rotate the certificate", "轮换证书";
    enforce: "Refuse plaintext", "拒绝明文连接";
    relax: "Allow plaintext", "允许明文连接";
    probe_now: "Probe now", "立即检测";
    open_means: "Every node gets a certificate of Signet's authority and TLS is switched on. If a node cannot be verified, the changed ones are put back.", "每个节点将获得 Signet CA 颁发的证书并开启 TLS。若有节点无法验证，已变更的节点将被恢复。";
    rotate_means: "Every node gets a fresh certificate. Connections that are open stay open.", "每个节点将获得新证书，已建立的连接不受影响。";
    close_means: "TLS is switched off on every node. Clients that insist on TLS can no longer connect, and what others send can be read on the way.", "每个节点将关闭 TLS。要求 TLS 的客户端将无法连接，其他客户端的数据在传输中可被读取。";
    enforce_means: "Every node refuses connections over TCP that are not encrypted. Clients that do not use TLS can no longer connect.", "每个节点将拒绝未加密的 TCP 连接，未使用 TLS 的客户端将无法连接。";
    relax_means: "Every node accepts connections that are not encrypted again.", "每个节点将重新接受未加密的连接。";
    probe_means: "Every node is looked at now: greeting, TLS handshake, polite login. Nothing is changed.", "立即检测每个节点：握手、TLS、登录。不做任何变更。";
    what_will_happen: "What will happen", "将会发生什么";
    probe_on_node: "is probed once.", "将被检测一次。";
    observed_on_node: "is only observed (driver observe), so the whole is refused. Register it with sql or agent to have it changed.", "仅被观察（observe），因此整个操作将被拒绝。请以 sql 或 agent 方式注册后再变更。";
    issue_by_sql: "gets a key and a certificate over its SQL connection, written into secure_file_priv, loaded without a restart, and verified by a fresh handshake.", "将通过 SQL 连接获得密钥和证书（写入 secure_file_priv），无需重启即可加载，并以新的握手验证。";
    open_by_agent: "makes a key on its host; the agent installs the certificate and loads it. Where the server cannot switch TLS on while it runs (MariaDB), the agent restarts it once with the configured command.", "在其主机上生成密钥，由 agent 安装并加载证书。若服务器无法在线开启 TLS（MariaDB），agent 将用配置的命令重启一次。";
    rotate_by_agent: "makes a new key on its host; the agent installs the certificate and loads it without a restart.", "在其主机上生成新密钥，由 agent 安装证书并在线加载。";
    close_by_sql: "switches TLS off by SQL, without a restart.", "通过 SQL 关闭 TLS，无需重启。";
    close_by_agent: "has its TLS configuration removed by the agent. Where the server cannot do that while it runs (MariaDB), it is restarted once with the configured command.", "由 agent 移除 TLS 配置。若服务器无法在线完成（MariaDB），将用配置的命令重启一次。";
    enforce_on_node: "sets require_secure_transport to ON.", "将 require_secure_transport 设为 ON。";
    relax_on_node: "sets require_secure_transport to OFF.", "将 require_secure_transport 设为 OFF。";
    cancel: "Cancel", "取消";
    task: "Task", "任务";
    state: "State", "状态";
    progress: "Progress", "进度";
    began: "Began", "开始";
    ended: "Ended", "结束";
    info: "What is told", "说明";
    no_tasks: "There was no task yet.", "还没有任务。";
    task_running: "running", "进行中";
    task_succeeded: "succeeded", "成功";
    task_failed: "failed", "失败";
    untouched: "was left as it is", "保持原样";
    to_instance: "To the instance", "查看实例";
    access: "Access", "权限";
    note: "Note", "备注";
    created: "Created", "创建时间";
    disabled: "disabled", "已禁用";
    disable: "Disable", "禁用";
    disable_means: "Whoever uses this key is refused from now on, at once. A disabled key cannot be enabled again.", "使用该密钥的调用将立即被拒绝。密钥禁用后无法再启用。";
    own_key: "the one you signed in with", "当前登录所用";
    make_key: "Make a key", "创建密钥";
    key_made: "The key. Its secret is not shown again.", "新密钥。SecretKey 不会再次显示。";
    audit_text: "The newest lines about this account, the newest first. The whole log is a chain of hashes; check it with", "本账号的最新记录，最新的在前。整个日志为哈希链，可用以下命令校验：";
    outcome: "Outcome", "结果";
    time: "Time", "时间";
    action: "Action", "接口";
    resource: "Resource", "资源";
    code: "Code", "错误码";
    from: "From", "来源";
    explorer_text: "Every action of this service: fill in a form, call it, see how it is signed, and take the code with you.", "本服务的所有接口：填写参数、在线调用、查看签名过程并获取示例代码。";
    find_action: "Find an action", "查找接口";
    find_hint: "name or parameter ( / )", "名称或参数（按 /）";
    all_actions: "All actions", "全部接口";
    history: "Calls of this session", "本次会话的调用";
    no_history: "None yet.", "暂无。";
    parameters: "Parameters", "参数";
    no_parameters: "This action has no parameters.", "该接口没有参数。";
    required: "required", "必填";
    secret: "secret: it is shown nowhere", "敏感：不会显示";
    one_a_line: "One value a line.", "每行一个值。";
    how: "How it is called", "调用方式";
    region: "Region", "地域";
    signature: "Signature", "签名方法";
    call_it: "Call", "调用";
    only_show: "Show the request only", "仅显示请求";
    response: "Response", "响应";
    request: "Request", "请求";
    errors: "Errors", "错误码";
    it_reads: "It only reads.", "只读接口。";
    it_writes: "It changes something.", "写接口。";
    calls_per_second: "calls per second and key.", "次/秒（每密钥）。";
    deep_link: "Link to this form", "此表单的链接";
    answer: "Answer", "输出参数";
    type_of: "Type", "类型";
    always: "Always", "必有";
    what: "What it is", "说明";
    signature_steps: "How it was signed", "签名过程";
    signature_text: "Every step for the very request above. Derived keys are masked: their first digits are enough to compare.", "针对上述请求的每一步。派生密钥已隐去，仅保留前几位用于比对。";
    canonical_request: "Canonical request", "规范请求串";
    canonical_hash: "SHA-256 of the canonical request", "规范请求串的 SHA-256";
    credential_scope: "Credential scope", "凭证范围";
    sorted_parameters: "Parameters, sorted by name", "按名称排序的参数";
    algorithm: "Algorithm", "算法";
    string_to_sign: "String to sign", "待签名字符串";
    date_key: "SecretDate = HMAC-SHA256(\"TC3\" + SecretKey, date)", "SecretDate = HMAC-SHA256(\"TC3\" + SecretKey, 日期)";
    service_key: "SecretService = HMAC-SHA256(SecretDate, service)", "SecretService = HMAC-SHA256(SecretDate, 服务)";
    signing_key: "SecretSigning = HMAC-SHA256(SecretService, \"tc3_request\")", "SecretSigning = HMAC-SHA256(SecretService, \"tc3_request\")";
    signature_itself: "Signature", "签名";
    authorization: "Authorization", "Authorization";
    encoded_request: "Query string with its signature", "带签名的查询串";
    doctor_text: "Paste a request that was refused, with its headers and body. Every step of its signature is compared with what the key you signed in with makes of it, and the mistakes that clients are known to make are tried until one fits.", "粘贴一个被拒绝的请求（头部和请求体）。将用您登录的密钥逐步比对签名，并尝试已知的常见错误，直到找到吻合的一个。";
    no_such_call: "No refused call with this RequestId is remembered that named the key you signed in with. The last ones are kept for a quarter of an hour.", "没有找到以您登录的密钥发起且带有该 RequestId 的被拒绝调用。仅保留最近一刻钟内的记录。";
    it_is_answered: "It is answered with", "该请求的响应为";
    skew: "Timestamp of the request minus time of the server", "请求时间戳减去服务器时间";
    first_difference: "The first line that differs is line", "第一处不同的行：";
    expected: "should be", "应为";
    given: "is", "实为";
    by_request_id: "RequestId of a refused call", "被拒绝调用的 RequestId";
    by_request_id_text: "Calls that named your key and were refused for their signature are remembered for a while.", "以您的密钥发起、因签名被拒绝的调用会被保留一段时间。";
    examine: "Examine", "诊断";
    paste_request: "The request: headers, a blank line, and the body", "请求：头部、空行、请求体";
    own_texts: "What your client made on the way, if you can print it", "您的客户端生成的中间结果（如可打印）";
    code_samples: "Code", "示例代码";
    code_text: "The whole program for the call above. Keys and secrets are read from the environment.", "上述调用的完整程序。密钥与敏感参数从环境变量读取。";
    it_was_answered: "It was answered with", "该请求当时的响应为";
    too_long: "The request is too long to be looked at here: 256 KiB at most. `signet doctor` takes longer ones.", "请求过长，此处最多 256 KiB。更长的请求请使用 `signet doctor`。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_places_to_fill_in() {
        for (name, english, chinese) in NAMES {
            assert!(!english.is_empty() && !chinese.is_empty(), "{name}");
            let places = |text: &str| text.matches("{}").count();
            assert_eq!(places(english), places(chinese), "{name}");
        }
    }
}
