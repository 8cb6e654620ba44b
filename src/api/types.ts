/**
 * Friendly names for the generated wire types. Fields keep their wire names.
 */
import type { components, operations } from './schema';

type Schemas = components['schemas'];

/** One execution as the server tells it. */
export type Execution = Schemas['Execution'];

/** One submission that stands for many executions. */
export type Sweep = Schemas['Sweep'];

/** A sweep without its executions. */
export type SweepSummary = Schemas['SweepSummary'];

/** What `POST sweeps` takes. */
export type SweepSubmission = Schemas['SweepSubmission'];

/** What a sweep varies, and how. */
export type SweepDefinition = Schemas['SweepDefinition'];

/** What a sweep would be. */
export type SweepPlan = Schemas['SweepPlan'];

/** When executions are collected. */
export type When = Schemas['When'];

/** Which earlier results will do. */
export type Reuse = Schemas['Reuse'];

/** One page of executions and where the next one begins. */
export type ExecutionPage = Schemas['ExecutionPage'];

/** Where an execution stands. */
export type Status = Schemas['Status'];

/** Why an execution failed. */
export type Reason = Schemas['Reason'];

/** The cell error that ended an execution. */
export type CellError = Schemas['CellError'];

/** Something worth a look in an execution that succeeded. */
export type Remark = Schemas['Remark'];

/** What `POST executions` takes. */
export type Submission = Schemas['Submission'];

/** Where executions can run. */
export type Backend = Schemas['Backend'];

/** The limits and tags of a submission. */
export type Options = Schemas['Options'];

/** Name to JSON value. */
export type Parameters = Schemas['Parameters'];

/** What `POST executions/{id}/rerun` takes. */
export type Rerun = Schemas['Rerun'];

/** What `PATCH executions/{id}` takes. */
export type ExecutionEdit = Schemas['ExecutionEdit'];

/** nbformat JSON. */
export type NotebookJSON = Schemas['Notebook'];

/** A piece of what the notebook printed. */
export type LogPiece = Schemas['LogPiece'];

/** A named file that an execution produced. */
export type Artifact = Schemas['Artifact'];

/** A file that is part of the snapshot. */
export type CapturedFile = Schemas['CapturedFile'];

/** A file that was used where it lies. */
export type LinkedFile = Schemas['LinkedFile'];

/** An execution, as receipts of others name it. */
export type Related = Schemas['Related'];

/** Everything that made an execution. */
export type Receipt = Schemas['Receipt'];

/** One declared parameter of a notebook. */
export type Parameter = Schemas['Parameter'];

/** The declared parameters of a notebook. */
export type ParameterList = Schemas['ParameterList'];

/** The metric by which executions of a notebook are told good from bad. */
export type Goal = Schemas['Goal'];

/** What was removed to make room, or would be. */
export type Collection = Schemas['Collection'];

/** What may be removed. */
export type Retention =
  operations['makeRoom']['requestBody']['content']['application/json'];

/** Parameter values under a name. */
export type Preset = Schemas['Preset'];

/** Several executions side by side, and what differs between them. */
export type Comparison = Schemas['Comparison'];

/** One execution among others. */
export type ComparedRow = Schemas['ComparedRow'];

/** A cell of the source that was added, removed or changed. */
export type CellDifference = Schemas['CellDifference'];

/** A fact that differs, with its value in each execution. */
export type ComparedValues = Schemas['ComparedValues'];

/** What changed since the last success of the same notebook. */
export type SinceSuccess = Schemas['SinceSuccess'];

/** One metric of one execution among others. */
export type Curve = Schemas['Curve'];

/** Points of the metrics of one execution. */
export type MetricsPiece = Schemas['MetricsPiece'];

/** Points of one metric. */
export type MetricPoints = Schemas['MetricPoints'];

/** A finite number, or the name of one that is none. */
export type MetricValue = Schemas['MetricValue'];

/** Queue, slots, disk use, version. */
export type ServerStatus = Schemas['ServerStatus'];

/** What the server says when it refuses. */
export type Problem = Schemas['Problem'];

/** An execution's full id or its number. */
export type ExecutionKey = string | number;
