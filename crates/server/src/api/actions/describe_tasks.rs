//! `DescribeTasks`: the tasks of the account, the newest first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::ambient::UnixTime;
use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::dates::{beijing, parse_beijing};
use crate::api::error::ApiError;
use crate::api::paging;
use crate::state::task::{NodeWork, State, TaskRecord};

/// How many tasks one answer has at most.
const LARGEST_PAGE: i64 = 100;

/// The action.
pub struct DescribeTasks;

/// Which tasks. Filters combine.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// Only the tasks of this instance, or of this RO group.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: Option<String>,
    /// Only the task with this ID.
    #[schemars(example = &"f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7")]
    async_request_id: Option<String>,
    /// Only tasks of these types, by the vendor's numbers. No task here is of one of them, so any number finds nothing.
    #[serde(default)]
    #[schemars(example = &[1])]
    task_types: Vec<i64>,
    /// Only tasks in these states: -1 undefined, 0 initial, 1 running, 2 succeeded, 3 failed, 4 killed, 5 removed, 6 paused.
    #[serde(default)]
    #[schemars(example = &[1, 2])]
    task_status: Vec<i64>,
    /// Only tasks that started at this time or later, `yyyy-MM-dd HH:mm:ss`, Beijing time.
    #[schemars(example = &"2026-11-24 00:00:00")]
    start_time_begin: Option<String>,
    /// Only tasks that started at this time or before, `yyyy-MM-dd HH:mm:ss`, Beijing time.
    #[schemars(example = &"2026-11-25 00:00:00")]
    start_time_end: Option<String>,
    /// How many to leave out at the beginning; 0 by default.
    #[schemars(example = 0)]
    offset: Option<i64>,
    /// How many to show at most; 20 by default, 100 at most.
    #[schemars(example = 20)]
    limit: Option<i64>,
}

/// A page of tasks.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// How many fit the filters.
    pub total_count: usize,
    /// The page, the newest first.
    pub items: Vec<TaskDetail>,
}

/// One task.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TaskDetail {
    /// 0 when nothing is wrong, 1 when it failed.
    pub code: i64,
    /// What is being done, what was done, or why it failed and what to do.
    pub message: String,
    /// A number for it.
    pub job_id: i64,
    /// How much is done, in percent.
    pub progress: i64,
    /// `INITIAL`, `RUNNING`, `SUCCEED` or `FAILED`.
    pub task_status: &'static str,
    /// `OPEN SSL`, `CLOSE SSL`, `ROTATE SSL`, `ENFORCE SSL` or `RELAX SSL`.
    pub task_type: &'static str,
    /// When it was started, Beijing time.
    pub start_time: String,
    /// When it ended, Beijing time; `0000-00-00 00:00:00` before that.
    pub end_time: String,
    /// The instance or the RO group that it changes.
    pub instance_ids: Vec<String>,
    /// Its ID.
    pub async_request_id: String,
    /// How far it is with each node: the node, and its step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_attach_info: Vec<TaskAttachInfo>,
}

/// One node of a task.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TaskAttachInfo {
    /// The node, as `host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_key: Option<String>,
    /// Its step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach_value: Option<String>,
}

impl Action for DescribeTasks {
    const SPEC: Spec = Spec {
        name: "DescribeTasks",
        product: Product::Cdb,
        summary: "Lists tasks, the newest first.",
        limit: 100,
        effect: Effect::Reads,
        errors: &[
            Code::CdbError,
            Code::InternalErrorCdbError,
            Code::InternalErrorDatabaseAccessError,
            Code::InternalErrorDesError,
            Code::InternalErrorFtpError,
            Code::InternalErrorUndefinedError,
            Code::InternalErrorUnknownError,
            Code::InvalidParameter,
            Code::InvalidParameterInstanceNotFound,
            Code::InvalidParameterValueDataConvertError,
            Code::OperationDenied,
            Code::OperationDeniedUserHasNoStrategy,
            Code::OperationDeniedWrongStatus,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let page = paging::window(input.offset, input.limit, 20, LARGEST_PAGE)?;
        let from = time("StartTimeBegin", input.start_time_begin.as_deref())?;
        let until = time("StartTimeEnd", input.start_time_end.as_deref())?;
        let mut tasks = context.service.catalog.tasks.of(context.account);
        tasks.retain(|task| {
            fits(&input, task)
                && from.is_none_or(|from| task.created >= from)
                && until.is_none_or(|until| task.created <= until)
        });
        Ok(Output {
            total_count: tasks.len(),
            items: page.of(&tasks).iter().map(|task| detail(task)).collect(),
        })
    }
}

fn time(name: &str, text: Option<&str>) -> Result<Option<UnixTime>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    parse_beijing(text).map(Some).ok_or_else(|| {
        ApiError::new(
            Code::InvalidParameter,
            format!("The value of parameter `{name}` is not valid: a time looks like `2026-11-24 11:13:20`."),
        )
    })
}

fn fits(input: &Input, task: &TaskRecord) -> bool {
    let is = |wanted: &Option<String>, has: String| {
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.is_empty() || *wanted == has)
    };
    is(&input.instance_id, task.subject.to_string())
        && is(&input.async_request_id, task.id.to_string())
        && input.task_types.is_empty()
        && (input.task_status.is_empty() || input.task_status.contains(&of_state(task.state).0))
}

/// The number and the word of a state.
const fn of_state(state: State) -> (i64, &'static str) {
    match state {
        State::Initial => (0, "INITIAL"),
        State::Running => (1, "RUNNING"),
        State::Succeeded => (2, "SUCCEED"),
        State::Failed => (3, "FAILED"),
    }
}

fn detail(task: &TaskRecord) -> TaskDetail {
    TaskDetail {
        code: i64::from(task.state == State::Failed),
        message: task.info.clone(),
        job_id: i64::from(u32::try_from(task.id.word() >> 33).unwrap_or_default()),
        progress: i64::from(task.progress()),
        task_status: of_state(task.state).1,
        task_type: task.kind.task_type(),
        start_time: beijing(task.created),
        end_time: match task.ended {
            0 => "0000-00-00 00:00:00".to_owned(),
            ended => beijing(ended),
        },
        instance_ids: vec![task.subject.to_string()],
        async_request_id: task.id.to_string(),
        task_attach_info: task.nodes.iter().map(node).collect(),
    }
}

fn node(work: &NodeWork) -> TaskAttachInfo {
    TaskAttachInfo {
        attach_key: Some(work.node.to_string()),
        attach_value: Some(if work.untouched {
            "untouched".to_owned()
        } else {
            work.step.to_string()
        }),
    }
}
